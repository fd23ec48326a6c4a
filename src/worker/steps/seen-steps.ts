import type { InspectionEvent } from 'xstate';
import { type Step, shownContext, stepOf } from '../../inspect/inspection.js';
import { beginningOf } from '../../jobs/excerpt.js';
import { MAX_STEPS } from '../../jobs/limits.js';
import type { ToldStep } from '../../wire/told-steps.js';

/** A step as it was seen: what XState said is made into words once they are stored, which most never are. */
interface Seen {
  step: number;
  /** Ms since the epoch, by the broker's clock. */
  at: number;
  what: InspectionEvent | Step;
}

/** How much all runs of a worker hold. */
export interface Held {
  count: number;
}

/** Of the first steps of a run, and of the last ones. */
const MAX_FIRST = MAX_STEPS / 2;
const MAX_LAST = MAX_STEPS - MAX_FIRST;
/** Once a worker holds so many, a run lets go of its oldest one for each that comes, but for its first ones. */
const MAX_HELD = 50_000;
const MAX_NAME = 500;

/** The first and the last steps of one run, held until it is known whether they are stored. */
export class SeenSteps {
  readonly #held: Held;
  readonly #first: Seen[] = [];
  /** A ring, from `#next` on. */
  readonly #last: Seen[] = [];
  #next = 0;
  #count = 0;
  #isReleased = false;

  /** @param held shared by the runs of a worker */
  constructor(held: Held) {
    this.#held = held;
  }

  /** How many there were. */
  get count(): number {
    return this.#count;
  }

  /** @returns the number of the step in its run */
  add(what: InspectionEvent | Step, at: number): number {
    const step = this.#count++;
    if (this.#isReleased) return step;
    const seen = { step, at, what };
    if (this.#first.length < MAX_FIRST) {
      this.#first.push(seen);
      this.#held.count++;
    } else if (this.#next === 0 && this.#last.length < MAX_LAST && this.#held.count < MAX_HELD) {
      this.#last.push(seen);
      this.#held.count++;
    } else if (this.#last.length > 0) {
      this.#last[this.#next] = seen;
      this.#next = (this.#next + 1) % this.#last.length;
    }
    return step;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.#held.count -= this.#first.length + this.#last.length;
    this.#first.length = 0;
    this.#last.length = 0;
  }

  /** In words, oldest first, without what cannot be shown. */
  told(facts: { worker: string; attempt: number }): ToldStep[] {
    const last = [...this.#last.slice(this.#next), ...this.#last.slice(0, this.#next)];
    const show = showingOnce();
    return [...this.#first, ...last].flatMap(({ step: index, at, what }) => {
      const step = wordsOf(what, show);
      return step ? [{ index, at: new Date(at).toISOString(), ...facts, ...shortNames(step) }] : [];
    });
  }
}

/** Most steps leave the context of their actor as it is. */
function showingOnce(): (context: unknown) => unknown {
  const shown = new Map<unknown, unknown>();
  return (context) => {
    if (!shown.has(context)) shown.set(context, shownContext(context));
    return shown.get(context);
  };
}

function wordsOf(what: InspectionEvent | Step, show: (context: unknown) => unknown): Step | undefined {
  if ('kind' in what) return what;
  try {
    return stepOf(what, show);
  } catch {
    return undefined;
  }
}

/** Names come from the machines of users. */
function shortNames(step: Step): Step {
  const short = { ...step, actor: beginningOf(step.actor, MAX_NAME) };
  for (const name of ['machine', 'machineVersion', 'event', 'sentBy'] as const)
    if (short[name] !== undefined) short[name] = beginningOf(short[name], MAX_NAME);
  return short;
}

import { forgetOldest } from '../jobs/forget-oldest.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal, type JobState, statusOf } from '../jobs/vocabulary.js';
import { ImpliedRuns } from '../queue/implied-runs.js';

/** A step of a job from one state of its chart to another, and how long it stayed in the first, where that is known. */
export interface JobMove {
  from: string;
  to: string;
  stayedMs: number | undefined;
}

interface Stand {
  state: string;
  sinceMs: number;
}

/** Jobs that are remembered between their records; the oldest are forgotten first. */
const MAX_REMEMBERED = 20_000;

/** Tells from a row of records how jobs moved through the chart of all jobs. */
export class JobMoves {
  readonly #stands = new Map<string, Stand>();
  readonly #runs = new ImpliedRuns();

  of(record: JobRecord): JobMove[] {
    const run = this.#runs.before(record);
    return [...(run ? [run] : []), record].flatMap((each) => this.#moveOf(each) ?? []);
  }

  #moveOf(record: JobRecord): JobMove | undefined {
    const { id, status, createdAt, startedAt, updatedAt } = record;
    const atMs = Date.parse(updatedAt);
    const to = pathOf(record.state);
    // Nothing was written of it while it was queued for the first time.
    const isStart = to === RUNNING && startedAt === updatedAt;
    const before =
      this.#stands.get(id) ?? (isStart ? { state: QUEUED, sinceMs: Date.parse(createdAt) } : undefined);
    this.#stands.delete(id);
    if (!isTerminal(status)) {
      this.#stands.set(id, { state: to, sinceMs: atMs });
      forgetOldest(this.#stands, MAX_REMEMBERED);
    }
    // A record that is only written again, as of a change of its priority, moves nothing.
    if (!before || before.state === to) {
      if (before && !isTerminal(status)) this.#stands.set(id, before);
      return undefined;
    }
    return { from: before.state, to, stayedMs: Math.max(0, atMs - before.sinceMs) };
  }
}

const RUNNING = pathOf('running');
const QUEUED = pathOf('queued');

/** The id of a state in the chart of jobs: `pending.queued`, and `completed`. */
export function pathOf(state: JobState): string {
  const status = statusOf(state);
  return status === state ? status : `${status}.${state}`;
}

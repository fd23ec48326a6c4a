import type { AnyActor, InspectionEvent } from 'xstate';
import type { Broker } from '../../broker/broker.js';
import { isStep, stepsSoFar } from '../../inspect/inspection.js';
import type { Inspector } from '../../inspect/inspector.js';
import { atMost } from '../../jobs/deadline.js';
import { ConflictError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobState } from '../../jobs/vocabulary.js';
import type { Logger } from '../../telemetry/logger.js';
import { decodeSteps, encodeSteps, keptSteps, type StepsMessage } from '../../wire/steps.js';
import type { ToldStep } from '../../wire/told-steps.js';
import { type KeepSteps, keepsSteps } from './keep-steps.js';
import { type Held, SeenSteps } from './seen-steps.js';

export type Observer = (event: InspectionEvent) => void;

/** The run whose machines are seen. */
export interface SeenRun {
  readonly record: JobRecord;
  /** Sequence of the job's last event as this run knows it, 0 while there is none. */
  readonly fence: number;
}

/** Whether somebody has begun to watch just this job, or every job. */
export type WatchScope = 'one' | 'all';

interface Joined {
  run: SeenRun;
  actor: AnyActor;
  watch: WatchScope;
}

export interface WatchersOptions {
  broker: Broker;
  worker: string;
  inspector: Inspector;
  /** The owner of the worker. */
  own: Observer | undefined;
  keep: ReadonlySet<KeepSteps>;
  logger: Logger;
}

/** How long the end of a job waits for its steps to be stored. */
const STORE_MS = 5_000;
/** After a failure nothing is stored for so long: each failing job would wait for another one. */
const PAUSE_MS = 10_000;
/** A worker that was taken for dead may write before this one does. */
const MAX_TRIES = 3;

/** Who sees the state machines of a worker's jobs: its owner, those who watch from elsewhere, and what is kept. */
export class JobWatchers {
  readonly #options: WatchersOptions;
  readonly #held: Held = { count: 0 };
  readonly #storing = new Set<Promise<void>>();
  #pausedUntil = 0;

  constructor(options: WatchersOptions) {
    this.#options = options;
  }

  /** Whether somebody sees what any job does, or this one. */
  watch(jobId: string): boolean {
    const { inspector, own, keep } = this.#options;
    return own !== undefined || keep.has('all') || inspector.isWatched(jobId);
  }

  /** The steps of a run that begins; undefined where nobody sees them. */
  begin(run: SeenRun, isChart: boolean): RunSteps | undefined {
    const isKept = isChart && this.#options.keep.has('failed');
    return isKept || this.watch(run.record.id) ? this.#steps(run) : undefined;
  }

  /** The steps of a run that somebody has begun to watch. */
  join({ run, actor, watch }: Joined, known: RunSteps | undefined): RunSteps {
    const steps = known ?? this.#steps(run);
    if (!known) actor.system.inspect(steps.observe);
    steps.showStanding(actor, watch, known === undefined);
    return steps;
  }

  /** Resolves once what is being stored is stored. */
  async stored(): Promise<void> {
    await Promise.all(this.#storing);
  }

  #steps(run: SeenRun): RunSteps {
    return new RunSteps(run, this.#options, this.#held, (steps) => this.#store(run, steps));
  }

  /** Never rejects. */
  #store(run: SeenRun, seen: SeenSteps): Promise<void> {
    if (seen.count === 0 || performance.now() < this.#pausedUntil) return Promise.resolve();
    const { worker, logger } = this.#options;
    const { id, attempt } = run.record;
    const steps = seen.told({ worker, attempt });
    const writing = this.#write(run, steps, seen.count).catch((err) => {
      this.#pausedUntil = performance.now() + PAUSE_MS;
      logger.warn({ err, jobId: id }, 'the steps of the job could not be stored; none are for 10 s');
    });
    const storing = atMost(STORE_MS, writing).finally(() => this.#storing.delete(storing));
    this.#storing.add(storing);
    return storing;
  }

  async #write({ record, fence }: SeenRun, steps: readonly ToldStep[], count: number): Promise<void> {
    const { sealer, extra } = this.#options.broker;
    const { id, createdAt, attempt, redrives = 0 } = record;
    for (let tries = 1; ; tries++) {
      // The first run of a job finds nothing.
      const isFirst = attempt === 1 && redrives === 0 && tries === 1;
      const last = isFirst ? undefined : await extra.steps.last(id);
      const before = last && decodeSteps(last.data, sealer);
      const earlier = before?.of === createdAt ? before : undefined;
      if (earlier && earlier.fence > fence) return;
      const message = joined(earlier, steps, { of: createdAt, fence, count });
      try {
        await extra.steps.put(id, encodeSteps(message, sealer), last?.seq ?? 0);
        return;
      } catch (error) {
        if (!(error instanceof ConflictError) || tries >= MAX_TRIES) throw error;
      }
    }
  }
}

/** Those of a run behind those of the runs before. */
function joined(
  earlier: StepsMessage | undefined,
  steps: readonly ToldStep[],
  { of, fence, count }: { of: string; fence: number; count: number },
): StepsMessage {
  const first = earlier?.total ?? 0;
  const later = steps.map((step) => ({ ...step, index: first + step.index }));
  return {
    v: 1,
    of,
    fence,
    total: first + count,
    steps: [...keptSteps([...(earlier?.steps ?? []), ...later])],
  };
}

/** The steps of one run of a job: who sees them now, and what is stored of them in the end. */
export class RunSteps {
  readonly #run: SeenRun;
  readonly #options: WatchersOptions;
  readonly #seen: SeenSteps;
  readonly #store: (seen: SeenSteps) => Promise<void>;
  /** Somebody has watched this very job. */
  #isAskedFor: boolean;
  #storing: Promise<void> | undefined;

  constructor(run: SeenRun, options: WatchersOptions, held: Held, store: (seen: SeenSteps) => Promise<void>) {
    this.#run = run;
    this.#options = options;
    this.#seen = new SeenSteps(held);
    this.#store = store;
    this.#isAskedFor = options.inspector.isAskedFor(run.record.id);
  }

  /** For the `inspect` option of the job's actor. */
  get observe(): Observer {
    const { inspector, own, broker } = this.#options;
    const { id } = this.#run.record;
    return (event) => {
      own?.(event);
      if (!isStep(event)) return;
      const at = broker.clock.now();
      const step = this.#seen.add(event, at);
      if (inspector.isWatched(id)) inspector.show(event, { jobId: id, at, step });
    };
  }

  /**
   * Shows where the machines of the job stand, to somebody who has just begun to watch.
   * @param isFirst whether the run has no steps before: then these are its first ones
   */
  showStanding(actor: AnyActor, watch: WatchScope, isFirst: boolean): void {
    const { inspector, broker } = this.#options;
    const { id } = this.#run.record;
    this.#isAskedFor ||= inspector.isAskedFor(id);
    const at = broker.clock.now();
    // Who watches this very job has it from its beginning on, as far as that is held. A fleet is asked again and again.
    const told = watch === 'one' ? this.#seen.told({ worker: this.#options.worker, attempt: 0 }) : [];
    for (const { index, attempt: _, worker: __, at: then, ...step } of told)
      inspector.tell(step, { jobId: id, at: Date.parse(then), step: index });
    for (const step of stepsSoFar(actor))
      inspector.tell(step, { jobId: id, at, step: isFirst ? this.#seen.add(step, at) : undefined });
  }

  /** The run has led to `state`: stores its steps, where they are kept. Never rejects. */
  store(state: JobState): Promise<void> | undefined {
    if (!keepsSteps(this.#options.keep, state, this.#isAskedFor)) return undefined;
    // A cancellation may come while they are stored.
    this.#storing ??= this.#store(this.#seen);
    return this.#storing;
  }

  /** Lets go of them. */
  release(): void {
    this.#seen.release();
  }
}

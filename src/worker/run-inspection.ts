import type { AnyActor, InspectionEvent } from 'xstate';
import type { Inspector } from '../inspect/inspector.js';
import type { Logger } from '../telemetry/logger.js';

export type Observer = (event: InspectionEvent) => void;

/** Who looks at the state machines of a worker's jobs: the inspector that its owner gave it, and those who watch. */
export class RunInspection {
  readonly #inspector: Inspector;
  readonly #own: Observer | undefined;

  constructor(inspector: Inspector, own: Observer | undefined) {
    this.#inspector = inspector;
    this.#own = own;
  }

  /** Whether every step of this job shall be seen. */
  applies(jobId: string): boolean {
    return this.#own !== undefined || this.#inspector.isWatched(jobId);
  }

  /** For the `inspect` option of a job's actor; undefined while nobody looks. */
  observer(jobId: string): Observer | undefined {
    if (!this.#inspector.isWatched(jobId)) return this.#own;
    const watching = this.#inspector.observer(jobId);
    return (event) => {
      this.#own?.(event);
      watching(event);
    };
  }

  /** Somebody has begun to watch a job that runs already. */
  join(actor: AnyActor, jobId: string, isObserved: boolean): void {
    if (!isObserved) actor.system.inspect(this.#inspector.observer(jobId));
    this.#inspector.showStanding(actor, jobId);
  }
}

/** XState lets an inspector that throws end the machine that it looks at. */
export function harmless(inspect: Observer, logger: Logger): Observer {
  return (event) => {
    try {
      inspect(event);
    } catch (err) {
      logger.error({ err }, 'the inspector failed; the job goes on');
    }
  };
}

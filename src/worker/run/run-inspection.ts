import type { AnyActor, InspectionEvent } from 'xstate';
import type { Inspector } from '../../inspect/inspector.js';

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

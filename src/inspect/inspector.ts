import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Broker } from '../broker/broker.js';
import type { InspectionRecord } from '../wire/inspection.js';
import { type Step, stepOf, stepsSoFar } from './inspection.js';

/** Who watches says so every two seconds; after this long without a word, nobody does. */
const WATCH_MS = 5_000;
/** In the place of a job id: every job, and the worker itself. */
const ALL = '*';
/** The token of the worker's own machine on `inspect.<worker>.<job id>`; no job id begins like this. */
export const WORKER_TOKEN = '$worker';
/** A record that is longer goes without its context. */
const MAX_BYTES = 32 * 1024;

type Observer = (event: InspectionEvent) => void;

/**
 * Tells watchers what the state machines of one worker do. While nobody watches, it costs a look at an empty map for
 * each job. It never throws into the machine that it looks at.
 */
export class Inspector {
  readonly #broker: Broker;
  readonly #worker: string;
  readonly #onWatched: (jobId: string | undefined) => void;
  readonly #watchedUntilMs = new Map<string, number>();
  #seq = 0;
  #detach: (() => void) | undefined;

  /** @param onWatched called when somebody begins to watch a job, or, with undefined, every job */
  constructor(broker: Broker, worker: string, onWatched: (jobId: string | undefined) => void) {
    this.#broker = broker;
    this.#worker = worker;
    this.#onWatched = onWatched;
  }

  open(): void {
    this.#detach ??= this.#broker.notices.hear(this.#broker.subjects.watched(), ({ jobId, begins }) =>
      this.#note(typeof jobId === 'string' ? jobId : undefined, begins === true),
    );
  }

  close(): void {
    this.#detach?.();
    this.#watchedUntilMs.clear();
  }

  /** @param jobId undefined for the worker's own machine */
  isWatched(jobId: string | undefined): boolean {
    if (this.#watchedUntilMs.size === 0) return false;
    const now = performance.now();
    for (const [key, untilMs] of this.#watchedUntilMs) if (untilMs < now) this.#watchedUntilMs.delete(key);
    return this.#watchedUntilMs.has(ALL) || (jobId !== undefined && this.#watchedUntilMs.has(jobId));
  }

  /** For the `inspect` option of an actor. */
  observer(jobId?: string): Observer {
    return (event) => {
      if (!this.isWatched(jobId)) return;
      try {
        const step = stepOf(event);
        if (step) this.#send(step, jobId);
      } catch {
        // A machine is worth more than the picture of it.
      }
    };
  }

  /** Tells where an actor stands, to somebody who has just begun to watch. */
  showStanding(actor: AnyActorRef, jobId?: string): void {
    try {
      for (const step of stepsSoFar(actor)) this.#send(step, jobId);
    } catch {
      // As above.
    }
  }

  #note(jobId: string | undefined, begins: boolean): void {
    const isNew = begins || !this.isWatched(jobId);
    this.#watchedUntilMs.set(jobId ?? ALL, performance.now() + WATCH_MS);
    if (isNew) this.#onWatched(jobId);
  }

  #send(step: Step, jobId: string | undefined): void {
    const record: InspectionRecord = {
      v: 1,
      seq: ++this.#seq,
      at: new Date().toISOString(),
      worker: this.#worker,
      ...(jobId !== undefined && { jobId }),
      ...step,
    };
    const isLong = JSON.stringify(step.context ?? '').length > MAX_BYTES;
    const { subjects, notices } = this.#broker;
    const subject = subjects.inspection(this.#worker, jobId ?? WORKER_TOKEN);
    notices.tell(subject, isLong ? { ...record, context: 'too long to show' } : record);
  }
}

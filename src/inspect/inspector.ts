import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Broker } from '../broker/broker.js';
import { MAX_SHORT_NOTICE_BYTES, type NoticeBody } from '../broker/connection/notices.js';
import { isoTime } from '../jobs/iso-time.js';
import { isJobId } from '../jobs/job-id.js';
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
/** Jobs that are watched one by one; a watch of one more takes the place of the oldest. */
const MAX_WATCHED = 500;
/** Where machines stand is shown to those who begin to watch, all of this time together. */
const SHOW_EVERY_MS = 500;

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
  /** When it was shown last where machines stand, and the timer of the next time. */
  readonly #shown = new Map<string, { atMs: number; timer?: NodeJS.Timeout }>();
  #seq = 0;
  #detach: (() => void) | undefined;

  /** @param onWatched called when somebody begins to watch a job, or, with undefined, every job */
  constructor(broker: Broker, worker: string, onWatched: (jobId: string | undefined) => void) {
    this.#broker = broker;
    this.#worker = worker;
    this.#onWatched = onWatched;
  }

  open(): void {
    const onNotice = ({ jobId, begins }: NoticeBody) => {
      if (jobId === undefined || (typeof jobId === 'string' && isJobId(jobId)))
        this.#note(jobId, begins === true);
    };
    const { notices, subjects } = this.#broker;
    this.#detach ??= notices.hear(subjects.watched(), onNotice, MAX_SHORT_NOTICE_BYTES);
  }

  close(): void {
    this.#detach?.();
    this.#detach = undefined;
    this.#watchedUntilMs.clear();
    for (const { timer } of this.#shown.values()) clearTimeout(timer);
    this.#shown.clear();
  }

  /** @param jobId undefined for the worker's own machine */
  isWatched(jobId: string | undefined): boolean {
    if (this.#watchedUntilMs.size === 0) return false;
    return this.#isWatchedBy(ALL) || (jobId !== undefined && this.#isWatchedBy(jobId));
  }

  #isWatchedBy(key: string): boolean {
    const untilMs = this.#watchedUntilMs.get(key);
    if (untilMs === undefined || untilMs >= performance.now()) return untilMs !== undefined;
    this.#watchedUntilMs.delete(key);
    if (!this.#shown.get(key)?.timer) this.#shown.delete(key);
    return false;
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
    const key = jobId ?? ALL;
    const isNew = begins || !this.isWatched(jobId);
    // In the order in which they were said last.
    this.#watchedUntilMs.delete(key);
    this.#watchedUntilMs.set(key, performance.now() + WATCH_MS);
    if (this.#watchedUntilMs.size > MAX_WATCHED) this.#forgetOldest();
    if (isNew) this.#show(jobId);
  }

  #forgetOldest(): void {
    for (const key of this.#watchedUntilMs.keys()) {
      if (key === ALL) continue;
      this.#watchedUntilMs.delete(key);
      clearTimeout(this.#shown.get(key)?.timer);
      this.#shown.delete(key);
      return;
    }
  }

  /** Whoever may publish can begin to watch a thousand times a second. */
  #show(jobId: string | undefined): void {
    const key = jobId ?? ALL;
    const last = this.#shown.get(key);
    if (last?.timer) return;
    const waitMs = last ? last.atMs + SHOW_EVERY_MS - performance.now() : 0;
    const show = () => {
      this.#shown.set(key, { atMs: performance.now() });
      this.#onWatched(jobId);
    };
    if (last && waitMs > 0) this.#shown.set(key, { ...last, timer: setTimeout(show, waitMs).unref() });
    else show();
  }

  #send(step: Step, jobId: string | undefined): void {
    const record: InspectionRecord = {
      v: 1,
      seq: ++this.#seq,
      at: isoTime(this.#broker.clock.now()),
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

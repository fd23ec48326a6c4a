import type { AnyActorRef, InspectionEvent } from 'xstate';
import type { Broker } from '../broker/broker.js';
import { MAX_SHORT_NOTICE_BYTES, type NoticeBody } from '../broker/connection/notices.js';
import { isJobId } from '../jobs/job-id.js';
import type { InspectionRecord } from '../wire/inspection.js';
import { type Step, stepOf, stepsSoFar } from './inspection.js';

/** Who watches says so every two seconds; after this long without a word, nobody does. */
const WATCH_MS = 5_000;
/** In the place of a job id: every job, and the worker itself. */
const ALL = '*';
/** The token of the worker's own machine on `inspect.<worker>.<job id>`; no job id begins like this. */
export const WORKER_TOKEN = '$worker';
/** A context, or what came with an event, that is longer is left out of its record. */
const MAX_BYTES = 32 * 1024;
/** Jobs that are watched one by one; a watch of one more takes the place of the oldest. */
const MAX_WATCHED = 500;
/** Where machines stand is shown to those who begin to watch, all of this time together. */
const SHOW_EVERY_MS = 500;

/** Of a step of a job. */
export interface StepFacts {
  jobId: string;
  /** Ms since the epoch. */
  at: number;
  /** Its number in its run. */
  step: number | undefined;
}

interface Watch {
  untilMs: number;
  /** From when on it may be shown again where machines stand, and the timer of that. */
  nextShowMs: number;
  timer?: NodeJS.Timeout | undefined;
}

/**
 * Tells watchers what the state machines of one worker do. While nobody watches, it costs a look at an empty map for
 * each job. It never throws into the machine that it looks at.
 */
export class Inspector {
  readonly #broker: Broker;
  readonly #worker: string;
  readonly #onWatched: (jobId: string | undefined) => void;
  /** By what is watched, in the order in which they were said last. */
  readonly #watches = new Map<string, Watch>();
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
    this.#detach ??= notices.hear(subjects.notices.watched(), onNotice, MAX_SHORT_NOTICE_BYTES);
  }

  close(): void {
    this.#detach?.();
    this.#detach = undefined;
    for (const { timer } of this.#watches.values()) clearTimeout(timer);
    this.#watches.clear();
  }

  /** @param jobId undefined for the worker's own machine */
  isWatched(jobId: string | undefined): boolean {
    if (this.#watches.size === 0) return false;
    return this.#isWatchedBy(ALL) || (jobId !== undefined && this.#isWatchedBy(jobId));
  }

  #isWatchedBy(key: string): boolean {
    const watch = this.#watches.get(key);
    if (!watch || watch.untilMs >= performance.now()) return watch !== undefined;
    if (!watch.timer) this.#watches.delete(key);
    return false;
  }

  /** Whether somebody watches this job, and not just every job. */
  isAskedFor(jobId: string): boolean {
    return this.#watches.size > 0 && this.#isWatchedBy(jobId);
  }

  /** Shows a step to those who watch it. @param of the job; none for the worker's own machine */
  show(event: InspectionEvent, of?: StepFacts): void {
    if (!this.isWatched(of?.jobId)) return;
    try {
      const step = stepOf(event);
      if (step) this.tell(step, of);
    } catch {
      // A machine is worth more than the picture of it.
    }
  }

  /** Tells where an actor of the worker's own stands, to somebody who has just begun to watch. */
  showStanding(actor: AnyActorRef): void {
    for (const step of stepsSoFar(actor)) this.tell(step);
  }

  #note(jobId: string | undefined, begins: boolean): void {
    const key = jobId ?? ALL;
    const isNew = begins || !this.isWatched(jobId);
    const now = performance.now();
    const watch = this.#watches.get(key) ?? { untilMs: 0, nextShowMs: 0 };
    watch.untilMs = now + WATCH_MS;
    this.#watches.delete(key);
    this.#watches.set(key, watch);
    if (this.#watches.size > MAX_WATCHED) this.#forgetOldest();
    if (!isNew || watch.timer) return;
    const show = () => {
      watch.timer = undefined;
      watch.nextShowMs = performance.now() + SHOW_EVERY_MS;
      this.#onWatched(jobId);
    };
    // Whoever may publish can begin to watch a thousand times a second.
    if (watch.nextShowMs > now) watch.timer = setTimeout(show, watch.nextShowMs - now).unref();
    else show();
  }

  #forgetOldest(): void {
    const [key = ALL] = [...this.#watches.keys()].filter((each) => each !== ALL);
    clearTimeout(this.#watches.get(key)?.timer);
    this.#watches.delete(key);
  }

  tell(step: Step, of?: StepFacts): void {
    const record: InspectionRecord = {
      v: 1,
      seq: ++this.#seq,
      at: new Date(of?.at ?? this.#broker.clock.now()).toISOString(),
      worker: this.#worker,
      ...(of && { jobId: of.jobId }),
      ...(of?.step !== undefined && { step: of.step }),
      ...step,
    };
    const { subjects, notices, sealer } = this.#broker;
    const subject = subjects.notices.inspection(this.#worker, of?.jobId ?? WORKER_TOKEN);
    for (const name of ['context', 'data'] as const) {
      const value = step[name];
      if (value === undefined) continue;
      // What is sealed in the streams must not go over the wire in the clear.
      if (sealer.seals) record[name] = 'sealed';
      else if (JSON.stringify(value).length > MAX_BYTES) record[name] = 'too long to show';
    }
    notices.tell(subject, record);
  }
}

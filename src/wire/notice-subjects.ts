import { ANY, type Any, part, spelled } from './token.js';

/** What is published between workers and watchers over core NATS, and stored nowhere. */
export class NoticeSubjects {
  readonly #prefix: string;

  /** @param prefix of the namespace: `''` or `'acme.'` */
  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** `jetfleet.cancelled`: tells workers of a cancelled job. */
  cancelled(): string {
    return `${this.#prefix}jetfleet.cancelled`;
  }

  /** `jetfleet.swept`: tells workers that one of them has swept. */
  swept(): string {
    return `${this.#prefix}jetfleet.swept`;
  }

  /** `jetfleet.workers`: asks every worker what it does. */
  workersAsked(): string {
    return `${this.#prefix}jetfleet.workers`;
  }

  /** `jetfleet.settled`: asks every worker which messages of some consumers it has settled, before they are removed. */
  settledAsked(): string {
    return `${this.#prefix}jetfleet.settled`;
  }

  /** `jetfleet.charts`: asks every worker for the charts that its handlers run. */
  chartsAsked(): string {
    return `${this.#prefix}jetfleet.charts`;
  }

  /** `jetfleet.drain`: tells one worker, by its name in the body, to take no more jobs, or to take them again. */
  drainOrdered(): string {
    return `${this.#prefix}jetfleet.drain`;
  }

  /** `jetfleet.watch`: somebody watches a job, or all, and goes on saying so. */
  watched(): string {
    return `${this.#prefix}jetfleet.watch`;
  }

  /** `inspect.<worker>.<job id>`: what a state machine does, while somebody watches; each may be {@link ANY}. */
  inspection(worker: string | Any, jobId: string | Any): string {
    return `${this.#prefix}inspect.${worker === ANY ? '*' : spelled(worker)}.${part(jobId)}`;
  }
}

import type { DeadLetterCauses } from '../jobs/dead-letter-causes.js';
import { JetfleetError } from '../jobs/errors.js';
import { forgetOldest } from '../jobs/forget-oldest.js';
import type { DeadLetterFilter } from '../queue/dead-letters/dead-letter-filter.js';
import type { JobQueueService } from '../queue/job-queue-service.js';

/** The causes of dead letters as they were counted last, or are so far. */
export type CountedCauses = DeadLetterCauses & {
  /** When the count was complete, or began; ISO 8601. */
  at: string;
  /** Whether it goes on: what is found so far is too little. */
  isCounting: boolean;
};

interface Count {
  startMs: number;
  endMs: number | undefined;
  found: (() => DeadLetterCauses) | undefined;
  done: Promise<unknown>;
}

/** A page must not wait for a million records. */
const PATIENCE_MS = 150;
/** A count is good for so many times what it took. */
const FRESH_TIMES = 10;
const MOST = 50;
/** At once; each reads all records of failed jobs. */
const MOST_RUNNING = 4;

/** Counts the causes of dead letters once for all who ask by the same filter, and no longer than somebody is to wait for. */
export class CauseCounts {
  readonly #queue: JobQueueService;
  /** The last complete count by each filter, and the one that goes on. */
  readonly #complete = new Map<string, Count>();
  readonly #running = new Map<string, Count>();

  constructor(queue: JobQueueService) {
    this.#queue = queue;
  }

  /**
   * @param key names the filter: equal ones share a count
   * @throws JetfleetError `JETFLEET_HTTP_TOO_MANY`
   */
  async get(filter: DeadLetterFilter, key: string): Promise<CountedCauses> {
    const last = this.#complete.get(key);
    if (last && isFresh(last)) return shown(last);
    const running = this.#running.get(key) ?? this.#start(filter, key);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    await Promise.race([running.done, patience]).finally(() => clearTimeout(timer));
    return shown(running.endMs === undefined ? (last ?? running) : running);
  }

  #start(filter: DeadLetterFilter, key: string): Count {
    if (this.#running.size >= MOST_RUNNING)
      throw new JetfleetError(
        'JETFLEET_HTTP_TOO_MANY',
        'the causes by other filters are being counted; try again later',
      );
    const count: Count = { startMs: Date.now(), endMs: undefined, found: undefined, done: Promise.resolve() };
    const counting = this.#queue.deadLetters.countCauses(filter, (found) => {
      count.found = found;
    });
    count.done = counting
      .then((causes) => {
        count.endMs = Date.now();
        count.found = () => causes;
        this.#complete.delete(key);
        this.#complete.set(key, count);
        forgetOldest(this.#complete, MOST);
      })
      .finally(() => this.#running.delete(key));
    // Whoever waits hears of it; nobody may.
    count.done.catch(() => undefined);
    this.#running.set(key, count);
    return count;
  }
}

function isFresh({ startMs, endMs }: Count): boolean {
  if (endMs === undefined) return false;
  return Date.now() - endMs < FRESH_TIMES * (endMs - startMs);
}

function shown({ startMs, endMs, found }: Count): CountedCauses {
  const trend = { since: new Date(startMs).toISOString(), stepMs: 1 };
  const nothing: DeadLetterCauses = { causes: [], trend, total: 0, others: 0 };
  const at = new Date(endMs ?? startMs).toISOString();
  return { ...(found?.() ?? nothing), at, isCounting: endMs === undefined };
}

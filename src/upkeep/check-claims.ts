import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob } from '../queue/job-lookup.js';
import { recordsById } from '../queue/list/work-jobs.js';
import { freeKey } from '../queue/unique/free-key.js';
import { UNFINISHED_MS } from '../queue/unique/key-state.js';
import { type FoundClaim, findClaim } from '../wire/unique-claim.js';
import { type Diagnosis, diagnose } from './finding.js';

const PAGE = 500;
/** Each may take a look for its job. */
const MOST_CLAIMS = 2_000;

/**
 * Finds claims on unique keys that stay although their job has ended, or never came: those of a process that died in between. Who
 * asks for such a key gets it; of one that nobody asks for again the claim is removed here. A check goes on where the last one ended.
 */
export class ClaimCheck {
  readonly #broker: Broker;
  readonly #limit: number;
  #next = 1;

  /** @param limit how many claims are read at a time at most. Defaults to all */
  constructor(broker: Broker, limit = Number.POSITIVE_INFINITY) {
    this.#broker = broker;
    this.#limit = Number.isFinite(limit) ? Math.min(limit, MOST_CLAIMS) : limit;
  }

  /** @param graceMs how old a claim must be, and how long its job must have ended */
  async run(graceMs: number): Promise<Diagnosis[]> {
    const { unique, clock } = this.#broker;
    const beforeMs = clock.now() - graceMs;
    const found: Diagnosis[] = [];
    for (let left = this.#limit; left > 0; left -= PAGE) {
      const page = await unique.page(this.#next, PAGE);
      const last = page.at(-1);
      this.#next = last && page.length === PAGE ? last.seq + 1 : 1;
      found.push(...(await this.#leftOver(page, beforeMs)));
      if (this.#next === 1) break;
    }
    return found;
  }

  async #leftOver(page: readonly StoredMessage[], beforeMs: number): Promise<Diagnosis[]> {
    const old = page.filter(({ timeMs }) => timeMs <= beforeMs);
    const claims = old.flatMap(({ subject, data, seq, timeMs }) => {
      const one = findClaim(this.#broker.subjects, subject, data);
      // The server ends a period.
      return one && one.unique.scope !== 'period' ? [{ ...one, seq, timeMs }] : [];
    });
    const records = await recordsById(this.#broker, [...new Set(claims.map(({ claim }) => claim.id))]);
    const examined = await Promise.all(
      claims.map((each) => this.#examine(each, records.get(each.claim.id), beforeMs)),
    );
    return examined.flat();
  }

  async #examine(
    { seq, timeMs, ...found }: FoundClaim & { seq: number; timeMs: number },
    record: JobRecord | undefined,
    beforeMs: number,
  ): Promise<Diagnosis[]> {
    const { id, sinceMs } = found.claim;
    const job = record ?? (await findJob(this.#broker, id));
    if (job && !isTerminal(job.status)) return [];
    // Whoever adds the job of a young claim may be slow, and is helped by whoever asks.
    if (!job && this.#broker.clock.now() - sinceMs < UNFINISHED_MS) return [];
    const endedAt = job && (job.finishedAt ?? job.updatedAt);
    if (endedAt !== undefined && Date.parse(endedAt) > beforeMs) return [];
    const why = job ? `it is ${job.state} since ${endedAt}` : 'there is no such job';
    const mend = async () => {
      await freeKey(this.#broker, found, seq);
      return 'it is removed';
    };
    const since = endedAt ?? new Date(timeMs).toISOString();
    return [diagnose('key_left_over', id, `a unique key is kept for the job, and ${why}`, mend, { since })];
  }
}

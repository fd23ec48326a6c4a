import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob } from '../queue/job-lookup.js';
import { recordsById } from '../queue/list/work-jobs.js';
import { Header } from '../wire/headers.js';
import { parseTagSubject, tagFilters } from '../wire/tag-subjects.js';
import { type Diagnosis, diagnose } from './finding.js';

const PAGE = 500;
/** Each may take a look for its job. */
const MOST_ENTRIES = 2_000;

/**
 * Finds entries of the index of tags that stay although their job has ended or never came: those of a process that died in
 * between. The others the broker removes by itself. A check goes on where the last one ended.
 */
export class TagCheck {
  readonly #broker: Broker;
  readonly #limit: number;
  #next = 1;

  /** @param limit how many entries are read at a time at most. Defaults to all */
  constructor(broker: Broker, limit = Number.POSITIVE_INFINITY) {
    this.#broker = broker;
    this.#limit = Number.isFinite(limit) ? Math.min(limit, MOST_ENTRIES) : limit;
  }

  /** @param graceMs how old an entry must be: its job may be about to be stored */
  async run(graceMs: number): Promise<Diagnosis[]> {
    const { tags, subjects, clock } = this.#broker;
    const [filter = ''] = tagFilters(subjects);
    const beforeMs = clock.now() - graceMs;
    const found: Diagnosis[] = [];
    for (let left = this.#limit; left > 0; left -= PAGE) {
      const page = await tags.page(filter, 'oldest', this.#next, PAGE);
      const last = page.at(-1);
      this.#next = last && page.length === PAGE ? last.seq + 1 : 1;
      const old = page.filter((entry) => entry.timeMs <= beforeMs && entry.headers.get(Header.TTL) === '');
      found.push(...(await this.#leftOver(old)));
      if (this.#next === 1) break;
    }
    return found;
  }

  async #leftOver(entries: readonly StoredMessage[]): Promise<Diagnosis[]> {
    const { subjects } = this.#broker;
    const named = entries.flatMap(({ subject }) => parseTagSubject(subjects, subject) ?? []);
    const records = await recordsById(this.#broker, [...new Set(named.map(({ id }) => id))]);
    const examined = await Promise.all(
      named.map(async (entry) => {
        const job = records.get(entry.id) ?? (await findJob(this.#broker, entry.id));
        return job && !isTerminal(job.status) ? [] : [{ ...entry, job }];
      }),
    );
    return examined.flat().map(({ tag, type, id, job }) => {
      const what = `the tag ${tag}: ${job ? `the job is ${job.state}` : 'there is no such job'}`;
      return diagnose('tag_left_over', id, what, () => this.#mend({ tag, type, id }, job));
    });
  }

  async #mend(entry: { tag: string; type: string; id: string }, job: JobRecord | undefined): Promise<string> {
    const { tags } = this.#broker;
    if (job?.tags?.includes(entry.tag) && job.type === entry.type) {
      await tags.settle(job);
      return 'it goes with the record of the job';
    }
    await tags.forget([{ id: entry.id, type: entry.type, tags: [entry.tag] }]);
    return 'it is removed';
  }
}

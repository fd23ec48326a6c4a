/** The jobs that have a tag, by the index of tags. */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobStatus } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';
import { decodeTagEntry, parseTagSubject, tagFilter } from '../../wire/tag-subjects.js';
import { findJob } from '../job-lookup.js';
import type { ListOrder } from './list-order.js';
import { bytesOf, type Source } from './sources.js';
import { recordsById } from './work-jobs.js';

const MORE = 8;

export interface TagQuery {
  /** At least one; a job must have all of them. */
  tags: readonly string[];
  type?: string;
  status?: JobStatus | undefined;
  order?: 'oldest' | 'newest' | undefined;
}

/** By when the entry of a job was stored: when it was added, and again when it began to run for long, and when it ended. */
export function orderByTag(broker: Broker, query: TagQuery): ListOrder {
  const { order = 'oldest' } = query;
  // Other letters than those of the orders without tags, whose cursors mean other sources.
  return {
    letter: order === 'newest' ? 'm' : 't',
    direction: order,
    groups: [[taggedSource(broker, query)]],
  };
}

function taggedSource(broker: Broker, query: TagQuery): Source {
  let leading: Promise<string> | undefined;
  return {
    read: async (direction, from, size) => {
      leading ??= rarestOf(broker, query);
      const filter = await leading;
      const isForward = direction === 'oldest';
      const start = from ?? (isForward ? 1 : Number.POSITIVE_INFINITY);
      // A list wants to know whether another job follows.
      const limit = size + MORE;
      const entries = await broker.tags.page(filter, direction, start, limit);
      const end = entries.at(-1);
      const isLast = !end || entries.length < limit || end.seq === 1;
      return {
        messages: entries.filter((entry) => mayFit(entry, query)),
        ...(!isLast && { next: end.seq + (isForward ? 1 : -1) }),
        read: entries.length,
        bytes: bytesOf(entries),
      };
    },
    toJobs: (entries) => jobsOf(broker, entries),
  };
}

/** The tags of a job stay, and so does that it has completed: jobs of which an entry says that they do not fit are not read. */
function mayFit({ data }: StoredMessage, { tags, status }: TagQuery): boolean {
  const entry = decodeTagEntry(data);
  if (!entry) return true;
  const isOther = entry.status === 'completed' && status !== undefined && status !== 'completed';
  return !isOther && tags.every((tag) => entry.tags.includes(tag));
}

/** The filter of the tag that the fewest jobs have. */
async function rarestOf(broker: Broker, { tags, type }: TagQuery): Promise<string> {
  const filters = tags.map((tag) => tagFilter(broker.subjects, tag, type ?? ANY));
  const [only = ''] = filters;
  if (filters.length === 1) return only;
  const counts = await broker.tags.counts(filters);
  return filters[counts.indexOf(Math.min(...counts))] ?? only;
}

/** An entry alone proves nothing: its job may be gone, or never have come. What is listed is the record. */
async function jobsOf(broker: Broker, entries: StoredMessage[]): Promise<(JobRecord | undefined)[]> {
  const ids = entries.map(({ subject }) => parseTagSubject(broker.subjects, subject)?.id);
  const touched = await recordsById(
    broker,
    ids.filter((id) => id !== undefined),
  );
  return Promise.all(
    ids.map((id) => (id === undefined ? undefined : (touched.get(id) ?? findJob(broker, id)))),
  );
}

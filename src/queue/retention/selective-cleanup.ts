import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import { ANY } from '../../wire/subjects.js';
import type { OwnersToKeep } from '../queue-extension.js';
import { type CleanupOptions, END_STATUSES, type EndStatus } from './cleanup-filter.js';
import { latestTime, purgeableOn } from './job-cleanup.js';
import { RecordRemoval } from './record-removal.js';

/** Ends that are checked together. */
const PAGE = 250;

/**
 * Removes ended jobs of a type or a status alone, or all but the last of them. A job has one event of its end at most, which the subject
 * of the event says; so they are counted and read by subject, oldest first. What must stay for another reason stays, as in every cleanup.
 * @returns how many jobs were removed
 */
export async function cleanupSome(
  broker: Broker,
  olderThanMs: number,
  { type, status, keep, atMost, dryRun = false, onProgress = () => {} }: CleanupOptions,
  ownersToKeep: readonly OwnersToKeep[],
): Promise<number> {
  const { subjects, read } = broker;
  const nowMs = await latestTime(broker);
  const stream = subjects.streamName('events');
  const owners = ownersToKeep.map((each) => each(broker, nowMs));
  const removal = new RecordRemoval(broker, { isSelective: true, dryRun });
  let left = atMost ?? Number.POSITIVE_INFINITY;
  const statuses: readonly EndStatus[] = status === undefined ? END_STATUSES : [status];
  for (const each of statuses) {
    const ends = subjects.event(type ?? ANY, each, ANY);
    const isAny = keep === undefined || (await read.count(stream, ends)) > keep;
    for await (const page of isAny ? read.pages(stream, ends, 1, PAGE) : []) {
      const some = keep === undefined ? page : await beyondLast(broker, ends, page, keep);
      const old = some.filter(({ timeMs }) => timeMs <= nowMs - olderThanMs);
      if (old.length > 0) {
        const purgeable = await purgeableOn(broker, old, owners, { isPart: true, dryRun });
        const removed = purgeable.slice(0, left);
        left -= removed.length;
        await removal.remove(removed);
      }
      onProgress(removal.count);
      // Events are stored in the order of their time.
      if (old.length < page.length || left === 0) break;
    }
  }
  const removed = await removal.end();
  onProgress(removed);
  return removed;
}

/**
 * Those of a page, oldest first, that at least `keep` others have followed. Each is counted from its own place: others may remove jobs at the same
 * time, and a count of all would be of before that.
 */
async function beyondLast(
  { read, subjects }: Broker,
  ends: string,
  page: readonly StoredMessage[],
  keep: number,
): Promise<readonly StoredMessage[]> {
  const isBeyond = async (index: number) =>
    (await read.count(subjects.streamName('events'), ends, (page[index] as StoredMessage).seq + 1)) >= keep;
  if (await isBeyond(page.length - 1)) return page;
  let [first, last] = [0, page.length - 1];
  while (first < last) {
    const middle = Math.floor((first + last) / 2);
    if (await isBeyond(middle)) first = middle + 1;
    else last = middle;
  }
  return page.slice(0, first);
}

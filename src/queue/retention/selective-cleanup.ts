import type { Broker } from '../../broker/broker.js';
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
  { type, status, keep, dryRun = false, onProgress = () => {} }: CleanupOptions,
  ownersToKeep: readonly OwnersToKeep[],
): Promise<number> {
  const { subjects, read } = broker;
  const nowMs = await latestTime(broker);
  const stream = subjects.streamName('events');
  const owners = ownersToKeep.map((each) => each(broker, nowMs));
  const removal = new RecordRemoval(broker, { isSelective: true, dryRun });
  const statuses: readonly EndStatus[] = status === undefined ? END_STATUSES : [status];
  for (const each of statuses) {
    const ends = subjects.event(type ?? ANY, each, ANY);
    // What ends while this runs is newer than all that is looked at.
    let left = keep === undefined ? Number.POSITIVE_INFINITY : (await read.extent(stream, ends)).count - keep;
    for await (const page of left > 0 ? read.pages(stream, ends, 1, PAGE) : []) {
      const old = page.slice(0, left).filter(({ timeMs }) => timeMs <= nowMs - olderThanMs);
      if (old.length > 0)
        await removal.remove(await purgeableOn(broker, old, owners, { isPart: true, dryRun }));
      onProgress(removal.count);
      left -= page.length;
      // Events are stored in the order of their time.
      if (left <= 0 || old.length < page.length) break;
    }
  }
  const removed = await removal.end();
  onProgress(removed);
  return removed;
}

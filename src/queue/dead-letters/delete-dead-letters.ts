import type { Broker } from '../../broker/broker.js';
import type { OwnersToKeep } from '../queue-extension.js';
import { purgeableOn } from '../retention/job-cleanup.js';
import { RecordRemoval } from '../retention/record-removal.js';
import { type DeadLetterFilter, deadLetterPages } from './dead-letter-filter.js';

/** Failures that are checked together. */
const PAGE = 250;

/**
 * Removes the dead letters that fit, with their messages and events, as `cleanup` removes jobs: one that may still own
 * something, or whose follow-ups are not stored yet, stays.
 * @returns how many were removed
 */
export async function deleteDeadLetters(
  broker: Broker,
  filter: DeadLetterFilter,
  ownersToKeep: readonly OwnersToKeep[],
  onProgress: (done: number) => void,
): Promise<number> {
  const nowMs = broker.clock.now();
  const owners = ownersToKeep.map((each) => each(broker, nowMs));
  const removal = new RecordRemoval(broker, { isSelective: true });
  for await (const page of deadLetterPages(broker, filter, PAGE)) {
    const wanted = page.map(({ event }) => event);
    if (wanted.length > 0) await removal.remove(await purgeableOn(broker, wanted, owners, { isPart: true }));
    onProgress(removal.count);
  }
  const removed = await removal.end();
  onProgress(removed);
  return removed;
}

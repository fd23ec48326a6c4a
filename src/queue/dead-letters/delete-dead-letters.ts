import type { Broker } from '../../broker/broker.js';
import { ANY } from '../../wire/subjects.js';
import type { OwnersToKeep } from '../queue-extension.js';
import { purgeableOn } from '../retention/job-cleanup.js';
import { RecordRemoval } from '../retention/record-removal.js';
import { type DeadLetterFilter, fittingDeadLetters } from './dead-letter-filter.js';

/** Failures that are checked together. */
const PAGE = 250;
/** By how much a worker's estimate of the broker's clock may be ahead of the one here. */
const CLOCKS_DIFFER_MS = 5_000;

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
  const { subjects, read, clock } = broker;
  const fits = fittingDeadLetters(filter);
  const nowMs = clock.now();
  const endMs = nowMs + CLOCKS_DIFFER_MS;
  const owners = ownersToKeep.map((each) => each(broker, nowMs));
  const removal = new RecordRemoval(broker, { isSelective: true });
  const failures = subjects.event(filter.type ?? ANY, 'failed', ANY);
  for await (const page of read.pages(subjects.streamName('events'), failures, 1, PAGE)) {
    const wanted = page.filter((event) => {
      const job = broker.recordOf(event);
      // What fails while this runs was not seen by whoever asked for it.
      return job !== undefined && fits(job) && event.timeMs <= endMs;
    });
    if (wanted.length > 0) await removal.remove(await purgeableOn(broker, wanted, owners, true));
    onProgress(removal.count);
  }
  const removed = await removal.end();
  onProgress(removed);
  return removed;
}

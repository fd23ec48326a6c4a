import type { Broker } from '../broker/broker.js';

const PAGE = 200;
/** Purges at once; each one is a request of its own. */
const PARALLEL = 16;

/**
 * Removes the records of jobs that finished more than `olderThanMs` ago. EVENTS forgets them by itself after its
 * `max_age`; this frees the room earlier.
 * @returns how many jobs were removed
 */
export async function cleanupJobs(broker: Broker, olderThanMs: number, nowMs: number): Promise<number> {
  const { subjects, read, topology } = broker;
  const cutoff = nowMs - olderThanMs;
  const stream = subjects.streamName('events');
  let removed = 0;
  for (const status of ['completed', 'failed'] as const) {
    for (let seq = 1; ; ) {
      const page = await read.page(stream, subjects.event('*', status, '*'), seq, PAGE);
      // Events are stored in the order of their time, so the first young one ends the search.
      const old = page.filter(({ timeMs }) => timeMs <= cutoff);
      for (let start = 0; start < old.length; start += PARALLEL) {
        await Promise.all(
          old.slice(start, start + PARALLEL).map(async ({ subject }) => {
            const address = subjects.parseEvent(subject);
            if (address && (await topology.purge('events', subjects.eventsOf(address.id))) > 0) removed++;
          }),
        );
      }
      const last = page.at(-1);
      if (!last || old.length < page.length) break;
      seq = last.seq + 1;
    }
  }
  return removed;
}

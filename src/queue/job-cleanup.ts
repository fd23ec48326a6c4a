import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/direct-read.js';
import { workKindsFor } from '../wire/subjects.js';
import { removeBare } from './job-cancel.js';

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
          old.slice(start, start + PARALLEL).map(async (message) => {
            const address = subjects.parseEvent(message.subject);
            if (!address) return;
            await removeMessages(broker, message);
            if ((await topology.purge('events', subjects.eventsOf(address.id))) > 0) removed++;
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

/** Work messages of a finished job may be stored for a while yet; without its record, they would be a new job. */
async function removeMessages(broker: Broker, event: StoredMessage): Promise<void> {
  const record = broker.recordOf(event);
  if (!record) return;
  const { subjects, read, topology } = broker;
  const { id, type, priority } = record;
  for (const kind of workKindsFor(type)) {
    const subject = subjects.work({ kind, priority, type, id });
    const last = () => read.last(subjects.streamName(kind), subject);
    for (let message = await last(); message; message = await last())
      await topology.deleteMessage(kind, message.seq);
    await removeBare(broker, kind, id);
  }
}

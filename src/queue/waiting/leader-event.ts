import type { Broker, LastEvent } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';

/** The last event of a job as the leader of EVENTS has it: of replicas, one that answers may be behind. */
export async function leaderEvent(broker: Broker, id: string): Promise<LastEvent | undefined> {
  if (broker.connection.info?.cluster === undefined) return broker.lastEvent(id);
  const stored = await broker.topology.lastMessage('events', broker.subjects.eventsOf(id));
  const record = stored && broker.recordOf(stored);
  return record ? { record, seq: stored.seq } : broker.lastEvent(id);
}

/**
 * A replica that is behind shows a job as it was, perhaps before a message of it was published: no message may be dropped for that.
 * @throws ConflictError where the job has moved on from the event `last`
 */
export async function assertLatest(broker: Broker, id: string, last: LastEvent | undefined): Promise<void> {
  if (broker.connection.info?.cluster === undefined) return;
  const latest = await leaderEvent(broker, id);
  if (latest?.seq !== last?.seq) throw new ConflictError(`job ${id} has moved on`);
}

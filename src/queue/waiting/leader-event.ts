import type { Broker, LastEvent } from '../../broker/broker.js';

/** The last event of a job as the leader of EVENTS has it: of replicas, one that answers may be behind. */
export async function leaderEvent(broker: Broker, id: string): Promise<LastEvent | undefined> {
  if (broker.connection.info?.cluster === undefined) return broker.lastEvent(id);
  const stored = await broker.topology.lastMessage('events', broker.subjects.eventsOf(id));
  const record = stored && broker.recordOf(stored);
  return record ? { record, seq: stored.seq } : broker.lastEvent(id);
}

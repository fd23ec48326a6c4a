import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { allCarriersOf, removeCarriers } from '../job-carriers.js';
import { untaken } from '../retention/record-removal.js';

/**
 * A job that was cancelled, or ran, just after its change was written leaves the message or timer that the change has set. It would
 * do nothing but stand there; what a worker was given it acknowledges itself.
 */
export async function removeIfEnded(broker: Broker, { id }: JobRecord): Promise<void> {
  const { record } = (await broker.lastEvent(id)) ?? {};
  if (!record || !isTerminal(record.status)) return;
  await removeCarriers(broker, await untaken(broker, record, await allCarriersOf(broker, record)));
}

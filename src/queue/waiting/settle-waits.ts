/** What is to be done about signals when a job has ended. Each is harmless when it is done again. */
import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { leaderEvent } from './leader-event.js';

/** Whether a job that has ended has waited for something, or is waited for. Of most jobs it is not. */
export function isAwaiting({ waits }: JobRecord): boolean {
  return waits !== undefined;
}

export async function settleWaits(broker: Broker, { id, waits }: JobRecord): Promise<void> {
  if (waits) await forgetSignals(broker, id);
}

/** Removes what was stored for a job that has ended. What comes after that is looked at is of its next life, if it is run again. */
export async function forgetSignals(broker: Broker, id: string): Promise<void> {
  const upTo = await broker.signals.lastSequence();
  const job = (await leaderEvent(broker, id))?.record;
  if (!job || isTerminal(job.status)) await broker.signals.forget(id, upTo);
}

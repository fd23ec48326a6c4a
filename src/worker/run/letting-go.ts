/** What is left to do for a run that is over, but not by its own outcome. */
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ClaimedJob } from '../claim/candidate.js';
import { publishFollowUps } from '../outcome/job-writes.js';
import type { WorkerServices } from '../worker-services.js';

/** Somebody else has ended the job. Whoever cancelled it may have died before what follows was published. */
export async function letGoOfEnded(
  services: WorkerServices,
  { record, permits }: ClaimedJob,
  acknowledge: () => void,
  logger: Logger,
): Promise<void> {
  try {
    const last = await services.broker.lastEvent(record.id);
    if (!last?.record || !isTerminal(last.record.status)) return;
    await publishFollowUps(services, last.record);
    await permits?.released;
    acknowledge();
  } catch (err) {
    logger.warn({ err }, 'the message of a job that is over comes again');
  }
}

/** A handler that was told to stop keeps its slot until it has ended. */
export function keepSlot(
  { broker, lingering }: WorkerServices,
  { handler, slot }: ClaimedJob,
  ended: Promise<unknown>,
  record: JobRecord,
  logger: Logger,
): void {
  lingering.add(record, {
    signalledAt: new Date(broker.clock.now()).toISOString(),
    ended,
    abandonAfterMs: handler.abandonAfterMs,
    freeSlot: () => slot.free(),
    logger,
  });
}

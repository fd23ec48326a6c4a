/** What is to be done about signals, parent and children when a job has ended. Each is harmless when it is done again. */
import type { Broker } from '../../broker/broker.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import { inParts } from '../../jobs/in-parts.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { tellParent } from './child-ends.js';
import { leaderEvent } from './leader-event.js';

/** Cancels a job; {@link settleWaits} is called for it in turn. */
export type Cancel = (broker: Broker, id: string, reason: string) => Promise<unknown>;

const PARALLEL = 32;

/** Whether a job has waited for something, or is waited for. Of most jobs neither is true. */
export function isAwaiting({ waits, awaited }: JobRecord): boolean {
  return waits !== undefined || awaited !== undefined;
}

/**
 * Ends the children of a job that has failed or was cancelled, tells its parent, and removes what was stored for it.
 * @param cancel given by the caller, which this would else import in a circle
 */
export async function settleWaits(broker: Broker, record: JobRecord, cancel: Cancel): Promise<void> {
  const { id, waits, awaited, status, state } = record;
  // Somebody may have run it again already.
  if (waits && status === 'failed' && (await isOver(broker, id))) {
    const ids = [...(await broker.children.noted(id)).values()].flat();
    await cancelChildren(broker, ids, `its parent ${id} is ${state}`, cancel);
  }
  if (awaited !== undefined) await tellParent(broker, record);
  if (waits) await forgetSignals(broker, id);
}

/** Removes what was stored for a job that has ended. What comes after that is looked at is of its next life, if it is run again. */
export async function forgetSignals(broker: Broker, id: string): Promise<void> {
  const upTo = await broker.signals.lastSequence();
  if (await isOver(broker, id)) await broker.signals.forget(id, upTo);
}

async function isOver(broker: Broker, id: string): Promise<boolean> {
  const job = (await leaderEvent(broker, id))?.record;
  return !job || isTerminal(job.status);
}

/** Cancels children that have not ended. @returns those that this process cannot end, since it lacks the definition of their type */
export async function cancelChildren(
  broker: Broker,
  ids: readonly string[],
  reason: string,
  cancel: Cancel,
): Promise<string[]> {
  const left = await inParts([...ids], PARALLEL, async (id) => {
    try {
      await cancel(broker, id, reason);
    } catch (error) {
      if (JetfleetError.is(error, 'JETFLEET_TYPE_UNKNOWN')) return [id];
      // It has ended, or was never added.
      if (!(error instanceof ConflictError) && !JetfleetError.is(error, 'JETFLEET_NOT_FOUND')) throw error;
    }
    return [];
  });
  return left.flat();
}

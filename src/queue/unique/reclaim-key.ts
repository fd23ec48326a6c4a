import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { keyTaken } from './add-unique.js';
import { keyState } from './key-state.js';

/**
 * Takes the key of a FAILED job again, before it runs again. Until it does, somebody else may take the key and have the write
 * that was to follow refused.
 * @param afterSeq the event with which the job ended
 * @throws UniqueKeyTakenError while another job has it; ConflictError when somebody else was faster
 */
export async function reclaimKey(broker: Broker, failed: JobRecord, afterSeq: number): Promise<void> {
  const { id, type, unique, redrives = 0 } = failed;
  if (unique?.scope !== 'active') return;
  const asked = { ...unique, scope: 'active' as const, onConflict: 'reject' as const };
  const state = await keyState(broker, { type, unique: asked, canReuse: false, again: { id, afterSeq } });
  const nowMs = broker.clock.now();
  if (state.kind === 'held') {
    const { claim } = state;
    if (claim.id === id && claim.afterSeq === afterSeq) return;
    throw keyTaken(unique.key, claim.id, undefined, nowMs);
  }
  const claim = { id, key: unique.key, sinceMs: Math.round(nowMs), afterSeq, redrives: redrives + 1 };
  await broker.unique.claim(type, unique, claim, state.seq);
}

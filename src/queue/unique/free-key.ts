import type { Broker } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';
import type { FoundClaim } from '../../wire/unique-claim.js';
import { keyState } from './key-state.js';

/**
 * Removes a claim whose job has ended, or was never stored. Whoever was to store it, or to run it again, and only was slow, comes too
 * late from here on.
 * @param seq of the claim
 * @throws ConflictError when a job has the key, or somebody else was faster
 */
export async function freeKey(
  broker: Broker,
  { type, unique, claim }: FoundClaim,
  seq: number,
): Promise<void> {
  // The job of a debounce is the next call's to replace, whatever became of it.
  if (unique.scope !== 'waiting') {
    const asked = { ...unique, scope: 'active' as const, onConflict: 'reject' as const };
    const state = await keyState(broker, { type, unique: asked, canReuse: false });
    const isFree = state.kind === 'free' && state.seq === seq;
    if (!isFree) throw new ConflictError(`the unique key of job ${claim.id} is taken again`);
  }
  await broker.unique.remove(seq);
}

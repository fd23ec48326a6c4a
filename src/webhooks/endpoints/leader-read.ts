/** ENDPOINTS as the leader of the stream has it: a direct read may be answered by a replica that is behind. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { STREAM_NOT_FOUND, unlessMissing } from '../../broker/topology/manager.js';

const BEHIND_MS = 50;
const MOST_BEHIND = 40;

export function hasReplicas({ connection }: Broker): boolean {
  return connection.info?.cluster !== undefined;
}

/** The last message on a filter; undefined also while there is no stream. */
export function leaderLast(
  { topology }: Broker,
  filter: string,
): Promise<{ seq: number; data: Uint8Array } | undefined> {
  return unlessMissing([STREAM_NOT_FOUND], () => topology.lastMessage('endpoints', filter));
}

/** Reads again while a replica lacks the last message on a filter, for two seconds at most. */
export async function upToLeader<T>(
  broker: Broker,
  filter: string,
  read: () => Promise<T>,
  lastSeqOf: (found: T) => number,
): Promise<T> {
  for (let tries = 1; ; tries++) {
    const last = hasReplicas(broker) ? ((await leaderLast(broker, filter))?.seq ?? 0) : 0;
    const found = await read();
    if (lastSeqOf(found) >= last || tries >= MOST_BEHIND) return found;
    await delay(BEHIND_MS);
  }
}

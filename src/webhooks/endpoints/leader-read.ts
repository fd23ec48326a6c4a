/** ENDPOINTS as the leader of the stream has it: a direct read may be answered by a replica that is behind. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { STREAM_NOT_FOUND, unlessMissing } from '../../broker/topology/manager.js';

const BEHIND_MS = 50;
const MOST_BEHIND = 40;

export function hasReplicas({ connection }: Pick<Broker, 'connection'>): boolean {
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
  let found: T | undefined;
  await againWhileBehind(broker, async () => {
    const last = hasReplicas(broker) ? ((await leaderLast(broker, filter))?.seq ?? 0) : 0;
    found = await read();
    return lastSeqOf(found) >= last;
  });
  return found as T;
}

/** @param read gives whether it has found all, which a replica may lack that is behind; without replicas it reads once */
export async function againWhileBehind(
  broker: Pick<Broker, 'connection'>,
  read: () => Promise<boolean>,
): Promise<void> {
  const most = hasReplicas(broker) ? MOST_BEHIND : 1;
  for (let tries = 1; !(await read()) && tries < most; tries++) await delay(BEHIND_MS);
}

/**
 * The ends of children. Whoever ends a child stores how it ended (`ends.<parent>.<group>.<done|failed>.<child>` in SIGNALS, once), and then
 * counts: the one that stored the last end of a group wakes the parent. All of it comes before the child's message is acknowledged,
 * so a crash repeats it.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import type { ChildEnd } from '../../jobs/flow.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { AwaitedGroup } from '../../jobs/signals.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { wakeFor } from './wake.js';

const COUNT_AGAIN_MS = 20;

/** Stores how a child has ended, and wakes its parent where that waits for nothing more of the group. */
export async function tellParent(broker: Broker, child: JobRecord): Promise<void> {
  const { parentId, awaited, status } = child;
  if (parentId === undefined || awaited === undefined) return;
  const before = (await broker.lastEvent(parentId))?.record;
  if (before && isTerminal(before.status)) return;
  const seq = await storeEnd(broker, child);
  const parent = await wakeFor(broker, parentId, async ({ groups = [] }) => {
    const group = groups.find(({ id }) => id === awaited);
    if (!group) return false;
    return (group.failFast === true && status === 'failed') || hasEnded(broker, parentId, group, seq);
  });
  // What was stored for the parent was removed before this came.
  if (seq > 0 && parent && isTerminal(parent.status)) await broker.signals.remove(seq);
}

/** Stores the end of a child; the first one counts. @returns its sequence, 0 where it was stored already */
export async function storeEnd(broker: Broker, child: JobRecord): Promise<number> {
  const { id, parentId = '', awaited = '', status } = child;
  const how = status === 'completed' ? 'done' : 'failed';
  const address = { parentId, group: awaited, status: how, childId: id } as const;
  return (await unlessFaster(broker.children.storeEnd(address, endOf(child))))?.seq ?? 0;
}

export function endOf({ id, type, status, result, error }: JobRecord): ChildEnd {
  if (status === 'completed') return { id, type, status, ...(result !== undefined && { result }) };
  const { code = '', message = '' } = error ?? {};
  return { id, type, status: 'failed', error: { code, message } };
}

/** @param own the sequence of an end that must be counted, 0 where it is not known: a replica may be behind */
async function hasEnded(
  broker: Broker,
  parentId: string,
  { id, of }: AwaitedGroup,
  own: number,
): Promise<boolean> {
  const isAlone = broker.connection.info?.cluster === undefined;
  const atLeast = own > 0 || isAlone ? own : await broker.signals.lastSequence();
  for (;;) {
    const { count, asOf } = await broker.children.count(parentId, id);
    if (count >= of) return true;
    if (asOf >= atLeast) return false;
    await delay(COUNT_AGAIN_MS);
  }
}

import type { Broker } from '../../broker/broker.js';
import type { AwaitedGroup } from '../../jobs/signals.js';

/** Whether any of these groups has ended, or one has failed that fails with its first child; as the leader of SIGNALS has it. */
export async function isAnyGroupOver(
  broker: Broker,
  parentId: string,
  groups: readonly AwaitedGroup[],
): Promise<boolean> {
  const counts = new Map<string, { ended: number; failed: number }>();
  for (const { group, status } of await broker.children.ended(parentId)) {
    const { ended, failed } = counts.get(group) ?? { ended: 0, failed: 0 };
    counts.set(group, { ended: ended + 1, failed: failed + (status === 'failed' ? 1 : 0) });
  }
  return groups.some(({ id, of, failFast }) => {
    const { ended, failed } = counts.get(id) ?? { ended: 0, failed: 0 };
    return ended >= of || (failFast === true && failed > 0);
  });
}

/** The ends of children, as their parent is told of them. */
import type { Broker } from '../../broker/broker.js';
import type { AwaitedGroup } from '../../jobs/signals.js';

/** Whether all children of a group have ended, or one has failed of a group that fails with it; as the leader of SIGNALS has it. */
export async function isGroupComplete(
  _broker: Broker,
  _parentId: string,
  _group: AwaitedGroup,
): Promise<boolean> {
  return false;
}

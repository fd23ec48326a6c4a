import type { InstanceStatus } from '../gpu/provider.js';

/** Whether an instance costs nothing any more, or is about to: lists may show it for a while. */
export function isEnding(status: InstanceStatus): boolean {
  return status === 'terminated' || status === 'terminating';
}

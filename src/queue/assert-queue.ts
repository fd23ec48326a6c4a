import { ValidationError } from '../jobs/errors.js';
import { excerptOf } from '../jobs/excerpt.js';

/**
 * Of whatever copy of the package it is.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for what is no queue
 */
export function assertQueue(queue: unknown): void {
  if (typeof (queue as { brokerAsItIs?: unknown } | null | undefined)?.brokerAsItIs === 'function') return;
  throw new ValidationError(
    'JETFLEET_OPTION_INVALID',
    `queue must be a JobQueueService, got ${excerptOf(queue)}`,
  );
}

import type { MigrateInstancePayload, MigrateInstanceResult } from '../src/instances/schemas.js';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { failure } from './monitor-instance-context.js';
import {
  type OrderCheckpoint,
  type OrderedInstance,
  type OrderInstanceContext,
  orderedAt,
} from './order-instance-context.js';
import { sinceMs } from './repeated.js';

export interface MigrateCheckpoint extends OrderCheckpoint {
  /** The `create_instance` job that rents another instance, written before it is added. */
  replacementJobId?: string;
}

export type MigrateInstanceContext = OrderInstanceContext<MigrateInstancePayload, MigrateCheckpoint>;

/** How far the other instance is. */
export type Replacement =
  | { state: 'pending' }
  | { state: 'running'; novitaInstanceId: string; createJobId: string }
  | { state: 'failed'; error: Pick<JobErrorInfo, 'code' | 'message'> };

type Choice = { by?: MigrateInstancePayload['by'] };
const choiceOf = ({ input }: Pick<MigrateInstanceContext, 'input'>): Choice['by'] => input.payload.by;

/** Whether an instance that is still there is to be replaced, since its provider cannot move it or it was asked for. */
export function isReplaced(context: MigrateInstanceContext, read: OrderedInstance): boolean {
  const by = choiceOf(context);
  return by === 'replacement' || (by === undefined && read?.isAble === false);
}

/** One that is gone can only be replaced. */
export function isReplacedWhenGone(context: MigrateInstanceContext): boolean {
  return choiceOf(context) !== 'provider';
}

/** The provider can move it, but nowhere has capacity, or it moves none that still runs: one whose end is announced cannot wait for that. */
export function isReplacedAfter(context: MigrateInstanceContext, error: unknown): boolean {
  if (choiceOf(context) !== undefined) return false;
  const { code } = toJobError(error);
  const isRunning = context.checkpoint.lastStatus === 'running';
  return code === 'JETFLEET_PROVIDER_CAPACITY' || (code === 'JETFLEET_PROVIDER_CONFLICT' && isRunning);
}

export function migratedOutcome({ checkpoint, input }: MigrateInstanceContext): JobOutcome {
  const result: MigrateInstanceResult = {
    novitaInstanceId: input.payload.novitaInstanceId,
    status: 'running',
    isUnchanged: checkpoint.sentAt === undefined,
    elapsedTime: sinceMs(checkpoint.since, input.now),
  };
  const proven = { is: 'running', since: orderedAt({ checkpoint, input }) } as const;
  return { kind: 'completed', result, checkpoint: { ...checkpoint, proven } };
}

/** The other instance runs: a job follows that deletes the old one, and ends when it is proven to be gone. */
export function replacedOutcome(
  { checkpoint, input }: MigrateInstanceContext,
  { novitaInstanceId, createJobId }: Extract<Replacement, { state: 'running' }>,
): JobOutcome {
  const { instanceId, novitaInstanceId: replaced } = input.payload;
  const elapsedTime = sinceMs(checkpoint.since, input.now);
  const result: MigrateInstanceResult = {
    ...{ novitaInstanceId, status: 'running', isUnchanged: false, elapsedTime },
    ...{ replaced, createJobId },
  };
  const payload = { instanceId, novitaInstanceId: replaced };
  return { kind: 'completed', result, next: [{ type: 'delete_instance', idSuffix: 'delete', payload }] };
}

/** The old instance is left as it is: what it holds may be needed. */
export function notReplacedOutcome(
  { input }: MigrateInstanceContext,
  { error }: Extract<Replacement, { state: 'failed' }>,
): JobOutcome {
  const message = `Instance ${input.payload.novitaInstanceId} is left as it is, as no other one could be rented: ${error.message}`;
  return failure(error.code, message);
}

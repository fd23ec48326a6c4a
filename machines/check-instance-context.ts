import type { CheckInstancePayload, CheckInstanceResult, PortAnswer } from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { failure, isGone } from './monitor-instance-context.js';
import type { ProvenCheckpoint } from './proven.js';
import { isProven, type Repeated, readAgain, retryDelayMs, sinceMs } from './repeated.js';
import { emptyInput, type RunInput } from './run-input.js';

/** How long an instance may take to become healthy. */
export const DEFAULT_HEALTH_WAIT_MS = 30_000;

/** What a read found; null when the provider does not know the instance. */
export type CheckedInstance = {
  status: string;
  healthy: boolean;
  reason?: string;
  endpoints: { port: number; protocol: string; url: string }[];
} | null;

export interface CheckCheckpoint extends ProvenCheckpoint {
  /** ISO time of the first run. */
  since: string;
  absent?: Repeated;
}

export interface CheckInstanceContext {
  input: RunInput<CheckInstancePayload>;
  checkpoint: CheckCheckpoint;
  read: CheckedInstance;
  ports: PortAnswer[];
  outcome: JobOutcome;
}

export function contextOf(input: RunInput<CheckInstancePayload> | undefined): CheckInstanceContext {
  const given = input ?? emptyInput<CheckInstancePayload>();
  const checkpoint = (given.checkpoint as CheckCheckpoint | null | undefined) ?? { since: given.now };
  return { input: given, checkpoint, read: null, ports: [], outcome: { kind: 'snoozed', delayMs: 0 } };
}

export function noted({ checkpoint, input }: CheckInstanceContext, read: CheckedInstance) {
  const { since } = checkpoint;
  const absent = isGone(read) ? readAgain(checkpoint.absent, input.now) : undefined;
  return { read, checkpoint: { since, ...defined({ absent }) } };
}

export function isProvenGone(
  { checkpoint, input }: CheckInstanceContext,
  read: CheckedInstance,
  settleMs: number,
): boolean {
  return isGone(read) && isProven(readAgain(checkpoint.absent, input.now), input.now, settleMs);
}

function waitedMs({ checkpoint, input }: CheckInstanceContext): number {
  return sinceMs(checkpoint.since, input.now);
}

export function isOverdue(context: CheckInstanceContext): boolean {
  return waitedMs(context) >= (context.input.payload.maxWaitTime ?? DEFAULT_HEALTH_WAIT_MS);
}

/** Each port that was asked for has answered as it should, and there is one. An instance without ports is healthy when its provider says so. */
export function isHealthy({ read, input }: CheckInstanceContext, ports: readonly PortAnswer[]): boolean {
  const { ports: wanted = [] } = input.payload;
  const hasAll = wanted.every((port) => ports.some((each) => each.port === port));
  return read?.status === 'running' && read.healthy && hasAll && ports.every((each) => each.isHealthy);
}

export function checkedOutcome(context: CheckInstanceContext): JobOutcome {
  const { input, read, ports, checkpoint } = context;
  const { ports: wanted = [], novitaInstanceId } = input.payload;
  const missing = wanted.filter((port) => !ports.some((each) => each.port === port));
  const lacking =
    missing.length > 0 && read?.status === 'running'
      ? `no endpoint of port ${missing.join(', ')}`
      : undefined;
  const result: CheckInstanceResult = {
    novitaInstanceId,
    isHealthy: isHealthy(context, ports),
    status: read?.status ?? 'terminated',
    ports,
    elapsedTime: waitedMs(context),
    ...defined({ reason: read?.reason ?? lacking }),
  };
  if (!isGone(read)) return { kind: 'completed', result };
  // Nothing less than a proof ends a check of an instance that seems to be gone.
  const proven = { is: 'gone', since: checkpoint.absent?.since ?? input.now } as const;
  return { kind: 'completed', result, checkpoint: { ...checkpoint, proven } };
}

export function unreadableOutcome({ input }: CheckInstanceContext, error: unknown): JobOutcome {
  const { code, message } = toJobError(error);
  return failure(code, `Instance ${input.payload.novitaInstanceId} could not be read: ${message}`);
}

export function snoozed(context: CheckInstanceContext, intervalMs: number, error?: unknown) {
  const leftMs = (context.input.payload.maxWaitTime ?? DEFAULT_HEALTH_WAIT_MS) - waitedMs(context);
  // An instance that seems to be gone is read until that is proven, also past the waiting time.
  const untilNext = leftMs > 0 ? Math.min(intervalMs, leftMs) : intervalMs;
  const delayMs = error === undefined ? untilNext : retryDelayMs(error, intervalMs, leftMs);
  return { outcome: { kind: 'snoozed', delayMs, checkpoint: context.checkpoint } as JobOutcome };
}

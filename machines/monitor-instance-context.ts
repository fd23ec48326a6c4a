import type { JobErrorInfo } from '../src/jobs/errors.js';
import { DEFAULT_MAX_WAIT_TIME_MS } from '../src/jobs/limits.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import type { MonitorInstancePayload } from '../src/jobs/payloads.js';
import { emptyInput, type RunInput } from './run-input.js';
import { sinceMs } from './time.js';

/**
 * What a check found; null when the provider does not know the instance. `nextPollMs` is how long the next poll may wait,
 * where somebody looks at the instance in between.
 */
export type InstanceCheck = {
  status: string;
  healthy: boolean;
  reason?: string;
  nextPollMs?: number;
} | null;

/** The `result` of a completed `monitor_instance`. */
export interface MonitorInstanceResult {
  novitaInstanceId: string;
  status: 'running';
  /** From `startTime` to the run that found the instance running. */
  elapsedTime: number;
}

/** What a monitor leaves on its record while it removes or stops the instance. */
export interface MonitorCheckpoint {
  phase: 'deleting' | 'stopping';
  /** ISO time of the first try. */
  since: string;
  lastStatus: string;
}

export interface MonitorInstanceContext {
  input: RunInput<MonitorInstancePayload>;
  maxWaitMs: number;
  /** From `startTime` to the beginning of this run. */
  elapsedMs: number;
  lastStatus: string;
  /** Set once the instance is being removed or stopped. */
  removal?: MonitorCheckpoint;
  /** What the run ends with, if no state decides otherwise: another check. */
  outcome: JobOutcome;
}

/** The input of each actor of the chart. */
export type MonitorActorInput = {
  jobId: string;
  novitaInstanceId: string;
  /** Whether an answer of a moment ago will not do, since the instance may be deleted on the strength of it. */
  isLastLook: boolean;
};

export function contextOf(
  input: RunInput<MonitorInstancePayload> | undefined,
  pollIntervalMs: number,
): MonitorInstanceContext {
  const given = input ?? emptyInput<MonitorInstancePayload>();
  const checkpoint = given.checkpoint as MonitorCheckpoint | null | undefined;
  return {
    input: given,
    maxWaitMs: given.payload.maxWaitTime ?? DEFAULT_MAX_WAIT_TIME_MS,
    elapsedMs: sinceMs(given.payload.startTime, given.now),
    lastStatus: checkpoint?.lastStatus ?? 'unknown',
    ...(checkpoint?.phase !== undefined && { removal: checkpoint }),
    ...snoozed(pollIntervalMs),
  };
}

export function removingForMs({ removal: begun, input }: MonitorInstanceContext): number {
  return sinceMs(begun?.since, input.now);
}

export function removal({ input, lastStatus }: MonitorInstanceContext, phase: MonitorCheckpoint['phase']) {
  return { phase, since: input.now, lastStatus };
}

export function isGone(check: InstanceCheck): boolean {
  return check === null || check.status === 'terminated';
}

export function isBroken(check: InstanceCheck): boolean {
  return check?.status === 'failed' || check?.status === 'preempted';
}

export function isReady(check: InstanceCheck): boolean {
  return check?.status === 'running' && check.healthy;
}

/** Whether a monitor that is shown this waits no longer. */
export function endsTheWait(check: InstanceCheck): boolean {
  return isGone(check) || isBroken(check) || isReady(check);
}

export function snoozed(delayMs: number, checkpoint?: MonitorCheckpoint): { outcome: JobOutcome } {
  return { outcome: { kind: 'snoozed', delayMs, ...(checkpoint && { checkpoint }) } };
}

export function actorInput({ input, elapsedMs, maxWaitMs }: MonitorInstanceContext): MonitorActorInput {
  const isLastLook = elapsedMs > maxWaitMs;
  return { jobId: input.jobId, novitaInstanceId: input.payload.novitaInstanceId, isLastLook };
}

export function readyOutcome({ input, elapsedMs }: MonitorInstanceContext): JobOutcome {
  const { novitaInstanceId } = input.payload;
  const result: MonitorInstanceResult = { novitaInstanceId, status: 'running', elapsedTime: elapsedMs };
  return { kind: 'completed', result };
}

export function failure(code: JobErrorInfo['code'], message: string): JobOutcome {
  return { kind: 'failed', error: { code, message, retryable: false } };
}

export function timedOut({ input, maxWaitMs, lastStatus }: MonitorInstanceContext, done: string) {
  const { novitaInstanceId } = input.payload;
  const message = `Instance ${novitaInstanceId} did not run within ${maxWaitMs} ms (last status: ${lastStatus}); ${done}`;
  return { outcome: { ...failure('JETFLEET_INSTANCE_TIMEOUT', message), timedOut: true } as JobOutcome };
}

export function notDeleted({ input, removal: begun }: MonitorInstanceContext, cause: string): JobOutcome {
  const verb = begun?.phase === 'stopping' ? 'stopped' : 'deleted';
  const message = `Instance ${input.payload.novitaInstanceId} could not be ${verb} and may still cost money: ${cause}`;
  return { ...failure('JETFLEET_INSTANCE_NOT_DELETED', message), timedOut: true } as JobOutcome;
}

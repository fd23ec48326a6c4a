import type { MonitorInstancePayload, MonitorInstanceResult } from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import type { Failed, JobOutcome } from '../src/jobs/outcome.js';
import { MIN_OFFER_MS } from './create-instance-context.js';
import type { Proven, ProvenCheckpoint } from './proven.js';
import {
  DEFAULT_MAX_WAIT_TIME_MS,
  isConfirmed,
  isProven,
  type Repeated,
  readAgain,
  sinceMs,
} from './repeated.js';
import { emptyInput, type RunInput } from './run-input.js';

/**
 * What a check found; null when the provider does not know the instance. `name` is the provider's for it. `nextPollMs` is
 * how long the next poll may wait, where somebody reads the instance in between.
 */
export type InstanceCheck = {
  name?: string;
  status: string;
  healthy: boolean;
  reason?: string;
  nextPollMs?: number;
} | null;

/** Removing or stopping the instance, once that has begun. */
export interface Removal {
  phase: 'deleting' | 'stopping';
  since: string;
}

/** What a monitor leaves on its record for its next run. */
export interface MonitorCheckpoint extends Partial<Removal>, ProvenCheckpoint {
  lastStatus: string;
  /** Set while the provider says that it does not know the instance. */
  absent?: Repeated;
  /** Set while the provider says that the instance has failed or was preempted. */
  broken?: Repeated;
  /** Set once a read after the deadline has shown the instance not ready. */
  late?: Repeated;
}

export interface MonitorInstanceContext {
  input: RunInput<MonitorInstancePayload>;
  maxWaitMs: number;
  elapsedMs: number;
  lastStatus: string;
  /** Set once the instance is being removed or stopped. */
  removal?: Removal;
  absent?: Repeated;
  broken?: Repeated;
  late?: Repeated;
  /** What the run ends with, if no state decides otherwise: another check. */
  outcome: JobOutcome;
}

/** The input of each actor of the chart. */
export type MonitorActorInput = {
  jobId: string;
  novitaInstanceId: string;
  /** Whether an answer of a moment ago will not do, since the instance may be given up on the strength of it. */
  isLastLook: boolean;
};

export function contextOf(
  input: RunInput<MonitorInstancePayload> | undefined,
  pollIntervalMs: number,
): MonitorInstanceContext {
  const given = input ?? emptyInput<MonitorInstancePayload>();
  const before = (given.checkpoint ?? {}) as Partial<MonitorCheckpoint>;
  const { lastStatus, phase, since, proven: _, ...seen } = before;
  return {
    input: given,
    maxWaitMs: Math.min(
      given.payload.maxWaitTime ?? DEFAULT_MAX_WAIT_TIME_MS,
      given.payload.offerTimeoutMs ?? Number.POSITIVE_INFINITY,
    ),
    elapsedMs: sinceMs(given.payload.startTime, given.now),
    lastStatus: lastStatus ?? 'unknown',
    ...(phase !== undefined && { removal: { phase, since: since ?? given.now } }),
    ...seen,
    outcome: { kind: 'snoozed', delayMs: pollIntervalMs },
  };
}

export function removingForMs({ removal: begun, input }: MonitorInstanceContext): number {
  return sinceMs(begun?.since, input.now);
}

/** What a check says goes first: a status ends an absence, and an absence keeps the last status. */
export function noted(context: MonitorInstanceContext, check: InstanceCheck) {
  const { input, absent, broken } = context;
  const late = isOverdue(context) ? readAgain(context.late, input.now) : undefined;
  if (isGone(check)) return { late, absent: readAgain(absent, input.now), broken: undefined };
  return {
    late,
    absent: undefined,
    broken: isBroken(check) ? readAgain(broken, input.now) : undefined,
    lastStatus: check?.status ?? 'unknown',
  };
}

export function isProvenGone(
  { input, absent }: MonitorInstanceContext,
  check: InstanceCheck,
  settleMs: number,
): boolean {
  return isGone(check) && isProven(readAgain(absent, input.now), input.now, settleMs);
}

export function isGone(check: InstanceCheck): boolean {
  return check === null || check.status === 'terminated';
}

export function isBroken(check: InstanceCheck): boolean {
  return check?.status === 'failed' || check?.status === 'preempted';
}

/** Whether an earlier check has said so too: one odd answer ends no monitor. */
export function isProvenBroken(
  { input, broken }: MonitorInstanceContext,
  check: InstanceCheck,
  settleMs: number,
): boolean {
  return isBroken(check) && isConfirmed(broken, input.now, settleMs);
}

export function isOverdue({ elapsedMs, maxWaitMs }: MonitorInstanceContext): boolean {
  return elapsedMs > maxWaitMs;
}

/** Whether an earlier check after the deadline has shown the instance not ready too: one old answer removes nothing. */
export function isProvenLate({ input, late }: MonitorInstanceContext, settleMs: number): boolean {
  return isConfirmed(late, input.now, settleMs);
}

/** Whether the waiting time was over before the instance went: an earlier run may have removed it for that, unable to say so. */
export function wasLateFirst({ late, absent }: MonitorInstanceContext): boolean {
  return late !== undefined && absent !== undefined && late.since < absent.since;
}

export function isReady(check: InstanceCheck): boolean {
  return check?.status === 'running' && check.healthy;
}

export function isStopped(check: InstanceCheck): boolean {
  return check?.status === 'stopped' || check?.status === 'stopping';
}

/** Whether a monitor that is shown this has more to do than to wait. */
export function endsTheWait(check: InstanceCheck): boolean {
  return isGone(check) || isBroken(check) || isReady(check);
}

/** The checkpoint is left out where there is nothing to remember, and nothing to overwrite. */
export function snoozed(context: MonitorInstanceContext, delayMs: number): { outcome: JobOutcome } {
  const { input, lastStatus, removal, absent, broken, late } = context;
  const seen = defined({ absent, broken, late: removal ? undefined : late });
  const checkpoint: MonitorCheckpoint = { lastStatus, ...removal, ...seen };
  const isNews = Boolean(removal ?? absent ?? broken ?? late) || (input.checkpoint ?? null) !== null;
  return { outcome: { kind: 'snoozed', delayMs, ...(isNews && { checkpoint }) } };
}

export function actorInput(context: MonitorInstanceContext): MonitorActorInput {
  const { input, absent, broken, removal } = context;
  const isLastLook = isOverdue(context) || Boolean(absent ?? broken ?? removal);
  return { jobId: input.jobId, novitaInstanceId: input.payload.novitaInstanceId, isLastLook };
}

export function readyOutcome({ input, elapsedMs }: MonitorInstanceContext): JobOutcome {
  const { instanceId, novitaInstanceId, watch } = input.payload;
  const result: MonitorInstanceResult = { novitaInstanceId, status: 'running', elapsedTime: elapsedMs };
  const checkpoint = provenTo('running', input.now, 'running');
  if (!watch) return { kind: 'completed', result, checkpoint };
  const payload = { ...watch, instanceId, novitaInstanceId };
  const next = [{ type: 'watch_instance', idSuffix: 'watch', payload }];
  return { kind: 'completed', result, checkpoint, next };
}

function provenTo(is: Proven['is'], since: string, lastStatus: string): MonitorCheckpoint {
  return { lastStatus, proven: { is, since } };
}

/** That it is not there any more: since the first of the reads that prove it. */
function provenGone(is: 'gone' | 'deleted', { absent, input, lastStatus }: MonitorInstanceContext) {
  return provenTo(is, absent?.since ?? input.now, lastStatus);
}

export function vanished(context: MonitorInstanceContext): JobOutcome {
  const message = `Instance ${context.input.payload.novitaInstanceId} was removed before it ran`;
  return { ...failure('JETFLEET_INSTANCE_VANISHED', message), checkpoint: provenGone('gone', context) };
}

/** A failed instance may cost money until it is deleted; a reclaimed one does not. */
export function brokenOutcome({ input, broken }: MonitorInstanceContext, check: InstanceCheck): JobOutcome {
  const { status = 'unknown', reason = 'no reason given' } = check ?? {};
  const message = `Instance ${input.payload.novitaInstanceId} is ${status}: ${reason}`;
  const failed = failure('JETFLEET_INSTANCE_FAILED', message);
  if (status !== 'preempted') return failed;
  const { proven } = provenTo('stopped', broken?.since ?? input.now, status);
  return { ...failed, checkpoint: { lastStatus: status, proven: { ...proven, isInterrupted: true } } };
}

export function failure(code: JobErrorInfo['code'], message: string): Failed {
  return { kind: 'failed', error: { code, message, retryable: false } };
}

export function timedOut(
  { input, maxWaitMs, lastStatus }: MonitorInstanceContext,
  done: string,
  checkpoint?: MonitorCheckpoint,
): { outcome: JobOutcome } {
  const { novitaInstanceId } = input.payload;
  const message = `Instance ${novitaInstanceId} did not run within ${maxWaitMs} ms (last status: ${lastStatus}); ${done}`;
  const failed = failure('JETFLEET_INSTANCE_TIMEOUT', message);
  return { outcome: { ...failed, timedOut: true, ...defined({ checkpoint }) } };
}

export function stopped(context: MonitorInstanceContext): { outcome: JobOutcome } {
  return timedOut(context, 'it was stopped', provenTo('stopped', context.input.now, 'stopped'));
}

/** The instance is gone, and its time was over: another offer follows where there is time for one, else the operation has timed out. */
export function removed(context: MonitorInstanceContext, is: 'gone' | 'deleted'): { outcome: JobOutcome } {
  const { input, elapsedMs } = context;
  const checkpoint = provenGone(is, context);
  const { nextOffer, nextOptions, novitaInstanceId, maxWaitTime = DEFAULT_MAX_WAIT_TIME_MS } = input.payload;
  const { deadline } = nextOffer ?? {};
  const leftMs =
    deadline === undefined ? maxWaitTime - elapsedMs : Date.parse(deadline) - Date.parse(input.now);
  if (!nextOffer || leftMs < MIN_OFFER_MS)
    return timedOut(context, is === 'gone' ? 'it is gone' : 'it was deleted', checkpoint);
  const result: MonitorInstanceResult = { novitaInstanceId, status: 'replaced', elapsedTime: elapsedMs };
  const payload = { ...nextOffer, maxWaitTime: leftMs };
  return {
    outcome: {
      kind: 'completed',
      result,
      checkpoint,
      next: [{ type: 'create_instance', idSuffix: 'next', payload, ...nextOptions }],
    },
  };
}

const REMOVED = { deleting: 'deleted', stopping: 'stopped' } as const;

/** Without a removal that began, the instance could not even be read. */
export function notDeleted({ input, removal: begun }: MonitorInstanceContext, cause: string): JobOutcome {
  const verb = begun ? REMOVED[begun.phase] : 'read';
  const message = `Instance ${input.payload.novitaInstanceId} could not be ${verb} and may still cost money: ${cause}`;
  return { ...failure('JETFLEET_INSTANCE_NOT_DELETED', message), timedOut: true } as JobOutcome;
}

import type { AutoStopPayload, AutoStopResult } from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isGone } from './monitor-instance-context.js';
import { retryDelayMs, sinceMs } from './repeated.js';
import { emptyInput, type RunInput } from './run-input.js';

/** What was said to the job: when the instance was used, and when its lease ends. ISO times. */
export interface LeaseNews {
  usedAt?: string;
  until?: string;
}

export interface AutoStopCheckpoint {
  /** ISO time of the first run. */
  since: string;
  usedAt?: string;
  until?: string;
}

export interface AutoStopContext {
  input: RunInput<AutoStopPayload>;
  checkpoint: AutoStopCheckpoint;
  outcome: JobOutcome;
}

export function contextOf(input: RunInput<AutoStopPayload> | undefined): AutoStopContext {
  const given = input ?? emptyInput<AutoStopPayload>();
  const checkpoint = (given.checkpoint as AutoStopCheckpoint | null | undefined) ?? { since: given.now };
  return { input: given, checkpoint, outcome: { kind: 'snoozed', delayMs: 0 } };
}

/** The later of two times; one that cannot be read is none. */
function later(a: string | undefined, b: string | undefined): string | undefined {
  return [a, b]
    .filter((each) => !Number.isNaN(Date.parse(each ?? '')))
    .sort(byTime)
    .at(-1);
}

function byTime(a: string | undefined, b: string | undefined): number {
  return Date.parse(a ?? '') - Date.parse(b ?? '');
}

/** Callers say once in a minute, at its beginning, that an instance is used until its end. */
const MAX_AHEAD_MS = 60_000;

/** The last word on the lease counts, and the latest use. A use that is said to be in the future counts as of now. */
export function noted({ checkpoint, input }: AutoStopContext, news: LeaseNews): AutoStopCheckpoint {
  const { since } = checkpoint;
  const isAhead = byTime(news.usedAt, input.now) > MAX_AHEAD_MS;
  const usedAt = later(checkpoint.usedAt, isAhead ? input.now : news.usedAt);
  const until = news.until ?? checkpoint.until;
  return { since, ...defined({ usedAt, until }) };
}

export function lastUsedAt({ checkpoint, input }: AutoStopContext): string {
  const { lastUsedAt: given } = input.payload;
  return later(later(checkpoint.since, given), checkpoint.usedAt) ?? checkpoint.since;
}

export function leaseEnd({ checkpoint, input }: AutoStopContext): string | undefined {
  return checkpoint.until ?? input.payload.until;
}

/** Milliseconds until the instance has been idle for too long, and until its lease is over. */
function leftMs(context: AutoStopContext): { idle: number; lease: number } {
  const { input } = context;
  const { idleMs = Number.POSITIVE_INFINITY } = input.payload;
  const end = leaseEnd(context);
  return {
    idle: idleMs - sinceMs(lastUsedAt(context), input.now),
    lease: end === undefined ? Number.POSITIVE_INFINITY : byTime(end, input.now),
  };
}

export function isOver(context: AutoStopContext): boolean {
  const { idle, lease } = leftMs(context);
  return Math.min(idle, lease) <= 0;
}

/** A use or an extension that comes in between is read then. */
export function untilOver(context: AutoStopContext): { outcome: JobOutcome } {
  const { idle, lease } = leftMs(context);
  const delayMs = Math.max(Math.min(idle, lease, MAX_PAUSE_MS), 1);
  return { outcome: { kind: 'snoozed', delayMs, checkpoint: context.checkpoint } };
}

/** Where the lease is for longer, the job runs once a day, which keeps its record. */
const MAX_PAUSE_MS = 86_400_000;
const RETRY_MS = 10_000;
const MAX_RETRY_MS = 300_000;

export function afterError(context: AutoStopContext, error: unknown): { outcome: JobOutcome } {
  const delayMs = retryDelayMs(error, RETRY_MS, MAX_RETRY_MS);
  return { outcome: { kind: 'snoozed', delayMs, checkpoint: context.checkpoint } };
}

/** Whether there is nothing left to be stopped or deleted. One read is enough: the next job proves what it does. */
export function isEnded({ input }: AutoStopContext, read: { status: string } | null): boolean {
  if (input.payload.action === 'delete') return false;
  return isGone(read && { ...read, healthy: false }) || read?.status === 'stopped';
}

export function endedOutcome(context: AutoStopContext): JobOutcome {
  return { kind: 'completed', result: resultOf(context, 'ended') };
}

/** A job follows that stops or deletes the instance, and proves it. */
export function overOutcome(context: AutoStopContext): JobOutcome {
  const { instanceId, novitaInstanceId, action = 'stop' } = context.input.payload;
  const reason = leftMs(context).lease <= 0 ? 'lease_over' : 'idle';
  const next = { type: `${action}_instance`, idSuffix: action, payload: { instanceId, novitaInstanceId } };
  return { kind: 'completed', result: resultOf(context, reason), next: [next] };
}

function resultOf(context: AutoStopContext, reason: AutoStopResult['reason']): AutoStopResult {
  const { novitaInstanceId } = context.input.payload;
  return {
    ...{ novitaInstanceId, reason, lastUsedAt: lastUsedAt(context) },
    ...defined({ until: leaseEnd(context) }),
  };
}

import type { OrderInstancePayload, OrderInstanceResult } from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { failure, isGone } from './monitor-instance-context.js';
import type { ProvenCheckpoint } from './proven.js';
import {
  DEFAULT_MAX_WAIT_TIME_MS,
  isProven,
  type Repeated,
  readAgain,
  retryDelayMs,
  sinceMs,
} from './repeated.js';
import { emptyInput, type RunInput } from './run-input.js';

/** What a provider can be told to do with an instance that exists. */
export type InstanceOrder = 'start' | 'stop' | 'restart' | 'migrate';

/** What a read found; null when the provider does not know the instance. */
export type OrderedInstance = {
  status: string;
  healthy: boolean;
  reason?: string;
  /** When it started last, ISO 8601, where the provider says so. */
  startedAt?: string;
  /** Whether its provider has a call for the order. */
  isAble: boolean;
} | null;

/** What one run leaves for the next. */
export interface OrderCheckpoint extends ProvenCheckpoint {
  /** ISO time of the first run. */
  since: string;
  /** Reads so far: the pause between them grows. */
  reads: number;
  /** When the order was sent last; written before it is sent. */
  sentAt?: string;
  /** Whether the provider has confirmed it. */
  isAccepted?: boolean;
  /** Whether a read since then has shown that it is carried out. */
  isUnderWay?: boolean;
  /** When the instance had started before the order. */
  startedBefore?: string;
  /** Set while the provider says that it does not know the instance. */
  absent?: Repeated;
  lastStatus?: string;
  lastError?: Pick<JobErrorInfo, 'code' | 'message'>;
}

export interface OrderInstanceContext<
  P extends OrderInstancePayload = OrderInstancePayload,
  C extends OrderCheckpoint = OrderCheckpoint,
> {
  input: RunInput<P>;
  checkpoint: C;
  outcome: JobOutcome;
}

export function contextOf<P extends OrderInstancePayload, C extends OrderCheckpoint>(
  input: RunInput<P> | undefined,
): OrderInstanceContext<P, C> {
  const given = input ?? emptyInput<P>();
  const before = given.checkpoint as C | null | undefined;
  const checkpoint = before ?? ({ since: given.now, reads: 0 } as C);
  return {
    input: given,
    checkpoint: { ...checkpoint, reads: checkpoint.reads + 1 },
    outcome: { kind: 'snoozed', delayMs: 0 },
  };
}

type Known = NonNullable<OrderedInstance>;

/** In these an instance is given no order: what comes of the state that it is in is not known yet. */
const IN_BETWEEN: readonly string[] = ['stopping', 'migrating', 'unknown', 'terminating'];
const STARTING: readonly string[] = ['pending', 'provisioning'];
/** By which statuses an order shows that was sent. */
const SHOWS: Readonly<Record<InstanceOrder, readonly string[]>> = {
  start: STARTING,
  stop: ['stopping'],
  restart: [...STARTING, 'stopping', 'stopped'],
  migrate: [...STARTING, 'migrating'],
};

function isReached(order: InstanceOrder, { status, healthy }: Known): boolean {
  return order === 'stop' ? status === 'stopped' : status === 'running' && healthy;
}

/** `unproven`: nobody can say whether the order was carried out, and to repeat it would do harm. */
export type OrderVerdict = 'done' | 'wait' | 'send' | 'unproven';

/**
 * What a read of the instance says about the order. An order is repeated only when reads have shown for `settleMs` that it was not
 * carried out: an answer that was lost says nothing.
 */
export function verdictOf(
  order: InstanceOrder,
  { checkpoint, input }: Pick<OrderInstanceContext, 'checkpoint' | 'input'>,
  read: Known,
  settleMs: number,
): OrderVerdict {
  const { sentAt, isUnderWay, isAccepted } = checkpoint;
  const isFresh = sentAt !== undefined && sinceMs(sentAt, input.now) < settleMs;
  const { status } = read;
  if (order === 'restart' && status === 'running') return ofRestart(checkpoint, read, isFresh);
  if (isReached(order, read)) return 'done';
  if (isFresh || IN_BETWEEN.includes(status)) return 'wait';
  if (order !== 'stop' && STARTING.includes(status)) return 'wait';
  // It runs and is not well yet.
  if (status === 'running' && (order === 'start' || isUnderWay)) return 'wait';
  return order === 'restart' && (isUnderWay || isAccepted) ? 'wait' : 'send';
}

/** One that runs may have run all the time: when it started, or a read in between, shows that it was restarted. */
function ofRestart(checkpoint: OrderCheckpoint, read: Known, isFresh: boolean): OrderVerdict {
  const { sentAt, isUnderWay, isAccepted, startedBefore } = checkpoint;
  if (sentAt === undefined) return 'send';
  const isNewStart = read.startedAt !== undefined && read.startedAt !== startedBefore;
  const isProvenDone = isUnderWay || (isNewStart && startedBefore !== undefined);
  if (isProvenDone || (isAccepted && !isFresh)) return read.healthy ? 'done' : 'wait';
  if (isFresh) return 'wait';
  return read.startedAt !== undefined && read.startedAt === startedBefore ? 'send' : 'unproven';
}

/** What a read says, kept for the next run. */
export function noted<C extends OrderCheckpoint>(
  order: InstanceOrder,
  { checkpoint, input }: { checkpoint: C; input: RunInput },
  read: OrderedInstance,
): C {
  if (read === null || isGone(read))
    return { ...checkpoint, absent: readAgain(checkpoint.absent, input.now) };
  const { absent: _, ...rest } = checkpoint;
  const isSent = checkpoint.sentAt !== undefined;
  const isUnderWay = checkpoint.isUnderWay || (isSent && SHOWS[order].includes(read.status));
  return {
    ...(rest as C),
    lastStatus: read.status,
    ...(isUnderWay && { isUnderWay }),
    ...(!isSent && defined({ startedBefore: read.startedAt })),
  };
}

/** An order that is about to be sent: nothing is known of it yet. */
export function announced<C extends OrderCheckpoint>({
  checkpoint,
  input,
}: {
  checkpoint: C;
  input: RunInput;
}): C {
  const { isAccepted: _, isUnderWay: __, lastError: ___, ...rest } = checkpoint;
  return { ...(rest as C), sentAt: input.now };
}

export function isProvenGone(
  { checkpoint, input }: Pick<OrderInstanceContext, 'checkpoint' | 'input'>,
  read: OrderedInstance,
  settleMs: number,
): boolean {
  return isGone(read) && isProven(readAgain(checkpoint.absent, input.now), input.now, settleMs);
}

function waitedMs({ checkpoint, input }: Pick<OrderInstanceContext, 'checkpoint' | 'input'>): number {
  return sinceMs(checkpoint.since, input.now);
}

function maxWaitMs({ payload }: RunInput<OrderInstancePayload>): number {
  return payload.maxWaitTime ?? DEFAULT_MAX_WAIT_TIME_MS;
}

export function isOverdue(context: OrderInstanceContext): boolean {
  return waitedMs(context) > maxWaitMs(context.input);
}

/** Of these a read shows what they mean: providers refuse an order in a state of the instance that they have just left. */
const READ_DECIDES: readonly string[] = ['JETFLEET_PROVIDER_CONFLICT', 'JETFLEET_PROVIDER_NOT_FOUND'];

/** Whether the provider has refused the order, and will again. */
export function isFinal(error: unknown): boolean {
  const { code, retryable } = toJobError(error);
  return !retryable && !READ_DECIDES.includes(code);
}

export interface OrderPauses {
  /** Pause before the second read; it doubles up to `pollIntervalMs`. */
  verifyIntervalMs: number;
  pollIntervalMs: number;
}

/** A poll may come a moment late, never a moment early: the deadline itself has not passed yet. */
const DEADLINE_MARGIN_MS = 50;

/** Until the next read: twice as long each time, or what the provider asked for, and no longer than the waiting time. */
export function snoozed(
  context: OrderInstanceContext,
  { verifyIntervalMs, pollIntervalMs }: OrderPauses,
  error?: unknown,
): Pick<OrderInstanceContext, 'checkpoint' | 'outcome'> {
  const { reads } = context.checkpoint;
  const growing = Math.min(
    verifyIntervalMs * 2 ** Math.min(reads - 1, 20),
    Math.max(pollIntervalMs, verifyIntervalMs),
  );
  const leftMs = Math.max(
    maxWaitMs(context.input) - waitedMs(context) + DEADLINE_MARGIN_MS,
    verifyIntervalMs,
  );
  const delayMs = Math.min(error === undefined ? growing : retryDelayMs(error, growing, leftMs), leftMs);
  const { code, message } = error === undefined ? ({} as Partial<JobErrorInfo>) : toJobError(error);
  const lastError = code !== undefined && message !== undefined ? { lastError: { code, message } } : {};
  const checkpoint = { ...context.checkpoint, ...lastError };
  return { checkpoint, outcome: { kind: 'snoozed', delayMs, checkpoint } };
}

const DONE = { start: 'running', stop: 'stopped', restart: 'running' } as const;

export function doneOutcome(order: keyof typeof DONE, context: OrderInstanceContext): JobOutcome {
  const { checkpoint, input } = context;
  const result: OrderInstanceResult = {
    novitaInstanceId: input.payload.novitaInstanceId,
    status: DONE[order],
    isUnchanged: checkpoint.sentAt === undefined,
    elapsedTime: waitedMs(context),
  };
  const since = order === 'stop' ? input.now : orderedAt(context);
  return { kind: 'completed', result, checkpoint: { ...checkpoint, proven: { is: DONE[order], since } } };
}

/** What was started is billed from its order on, not from when it was seen to run. */
export function orderedAt({ checkpoint, input }: Pick<OrderInstanceContext, 'checkpoint' | 'input'>): string {
  return checkpoint.sentAt ?? input.now;
}

const RESTS: readonly string[] = ['stopped', 'stopping', 'preempted'];

/** What is known of an instance whose time is over: it is billed where the provider carries out an order by which it runs. */
function leftBehind(order: InstanceOrder, context: OrderInstanceContext): OrderCheckpoint {
  const { checkpoint } = context;
  const { isAccepted, isUnderWay, lastStatus } = checkpoint;
  const isOrdered = order !== 'stop' && (isAccepted || isUnderWay);
  if (!isOrdered || lastStatus === undefined || RESTS.includes(lastStatus)) return checkpoint;
  return { ...checkpoint, proven: { is: 'running', since: orderedAt(context) } };
}

export function provenGone<C extends OrderCheckpoint>({
  checkpoint,
  input,
}: {
  checkpoint: C;
  input: RunInput;
}): C {
  return { ...checkpoint, proven: { is: 'gone', since: checkpoint.absent?.since ?? input.now } };
}

const WANTED: Readonly<Record<InstanceOrder, string>> = {
  start: 'run',
  stop: 'stop',
  restart: 'run again',
  migrate: 'run on another machine',
};

function nameOf({ payload }: RunInput<OrderInstancePayload>): string {
  return `Instance ${payload.novitaInstanceId}`;
}

/** @param error why the last read failed */
export function overdueOutcome(
  order: InstanceOrder,
  context: OrderInstanceContext,
  error?: unknown,
): JobOutcome {
  const { checkpoint, input } = context;
  const why = error === undefined ? checkpoint.lastError?.message : toJobError(error).message;
  const seen = `last status: ${checkpoint.lastStatus ?? 'unknown'}${why === undefined ? '' : `; ${why}`}`;
  const message = `${nameOf(input)} did not ${WANTED[order]} within ${maxWaitMs(input)} ms (${seen})`;
  const failed = failure('JETFLEET_INSTANCE_TIMEOUT', message);
  return { ...failed, timedOut: true, checkpoint: leftBehind(order, context) };
}

export function goneOutcome(
  order: InstanceOrder,
  context: Pick<OrderInstanceContext, 'checkpoint' | 'input'>,
): JobOutcome {
  const message = `${nameOf(context.input)} is gone, so there is nothing to ${order}`;
  return { ...failure('JETFLEET_INSTANCE_VANISHED', message), checkpoint: provenGone(context) };
}

export function unableOutcome(
  order: InstanceOrder,
  { input }: Pick<OrderInstanceContext, 'input'>,
): JobOutcome {
  const message = `The provider of instance ${input.payload.novitaInstanceId} cannot ${order} instances; nothing was sent`;
  return failure('JETFLEET_INSTANCE_UNSUPPORTED', message);
}

export function unprovenOutcome(
  order: InstanceOrder,
  { input, checkpoint }: OrderInstanceContext,
): JobOutcome {
  const message = `It is not known whether instance ${input.payload.novitaInstanceId} was told to ${order} at ${checkpoint.sentAt}, and it is not told again; add another job if it was not`;
  return failure('JETFLEET_PROVIDER_AMBIGUOUS', message);
}

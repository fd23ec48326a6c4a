import type {
  PortAnswer,
  WatchEvent,
  WatchInstancePayload,
  WatchInstanceResult,
  WatchPolicy,
  WatchSettings,
} from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import type { NextJob } from '../src/jobs/job-options.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { isGone } from './monitor-instance-context.js';
import type { ProvenCheckpoint } from './proven.js';
import { isConfirmed, isProven, type Repeated, readAgain, retryDelayMs, sinceMs } from './repeated.js';
import { emptyInput, type RunInput } from './run-input.js';

export const DEFAULT_MAX_INTERVAL_MS = 300_000;
export const DEFAULT_PRICE_INTERVAL_MS = 900_000;
const DEFAULT_FAILURES = 3;

/** What a read found; null when the provider does not know the instance. */
export type WatchedInstance = {
  status: string;
  healthy: boolean;
  reason?: string;
  /** Its provider takes it back, or has. */
  isInterrupted?: boolean;
  endpoints: { port: number; protocol: string; url: string }[];
  /** ISO time at which a list was read that shows it, perhaps for another watch. Absent where the instance was read for this run. */
  readAt?: string;
} | null;

export interface WatchCheckpoint extends ProvenCheckpoint {
  /** Reads in a row that have shown nothing new: the pause between them grows. */
  calm: number;
  /** What a read has shown that a later one has to confirm. */
  suspect?: Repeated & { event: WatchEvent };
  /** Events that were reported and are not over. */
  reported: WatchEvent[];
  /** Checks of the ports in a row that have failed. */
  failures: number;
  pricePerHour?: number;
  /** When the price was looked at last. */
  pricedAt?: string;
  /** When a look has found one last. */
  priceShownAt?: string;
  /** As what it is billed, by so many reads in a row. */
  billedAs?: Repeated & { state: 'running' | 'stopped' };
}

export interface WatchInstanceContext {
  input: RunInput<WatchInstancePayload>;
  checkpoint: WatchCheckpoint;
  read: WatchedInstance;
  outcome: JobOutcome;
}

export function contextOf(input: RunInput<WatchInstancePayload> | undefined): WatchInstanceContext {
  const given = input ?? emptyInput<WatchInstancePayload>();
  const { reported = [], pricePerHour } = given.payload;
  const before = given.checkpoint as WatchCheckpoint | null | undefined;
  const checkpoint = before ?? { calm: 0, reported, failures: 0, ...defined({ pricePerHour }) };
  return { input: given, checkpoint, read: null, outcome: { kind: 'snoozed', delayMs: 0 } };
}

/** The event that a read shows, if it is one. */
export function eventOf(read: WatchedInstance): WatchEvent | undefined {
  if (read === null || isGone(read)) return 'deleted';
  if (read.isInterrupted || read.status === 'preempted') return 'spotInterrupted';
  if (read.status === 'stopped') return 'stopped';
  return read.status === 'failed' ? 'failed' : undefined;
}

/** In these something is about to change. */
const CHANGING: readonly string[] = [
  'pending',
  'provisioning',
  'stopping',
  'migrating',
  'terminating',
  'unknown',
];

export function isWell(read: WatchedInstance): boolean {
  return read?.status === 'running' && read.healthy;
}

/** What a read says, kept for the next one. What is well again may be reported again. */
export function noted(context: WatchInstanceContext, read: WatchedInstance) {
  const { checkpoint, input } = context;
  const { suspect, ...rest } = checkpoint;
  const event = eventOf(read);
  const isNew = event !== undefined && isWanted(context, event);
  const before = suspect?.event === event ? suspect : undefined;
  const seen = isNew ? { suspect: { ...readAgain(before, input.now), event } } : {};
  const isCalm = !isNew && !(read !== null && CHANGING.includes(read.status));
  const reported = isWell(read) ? checkpoint.reported.filter(isOfPorts) : checkpoint.reported;
  const calm = isCalm ? checkpoint.calm + 1 : 0;
  return { read, checkpoint: { ...rest, ...seen, ...billedBy(context, read), reported, calm } };
}

/** The same list answers many reads, and says each time when it was read, by a clock that may be set a little meanwhile. */
const APART_MS = 1_000;

/** A second read proves what the first one has shown. One that is about to be taken back is not called running: it may have been already. */
function billedBy(
  { checkpoint, input }: WatchInstanceContext,
  read: WatchedInstance,
): Pick<WatchCheckpoint, 'billedAs' | 'proven'> {
  const { billedAs: before } = checkpoint;
  const isStopped = read?.status === 'stopped' || read?.status === 'preempted';
  const isRunning = read?.status === 'running' && !read.isInterrupted;
  if (!isStopped && !isRunning) return {};
  const state = isStopped ? ('stopped' as const) : ('running' as const);
  const known = before?.state === state ? before : undefined;
  const { readAt = input.now } = read;
  if (known && read.readAt && sinceMs(known.since, readAt) < APART_MS) return {};
  const billedAs = { ...readAgain(known, readAt), state };
  return { billedAs, ...(billedAs.reads > 1 && { proven: { is: state, since: billedAs.since } }) };
}

const isOfPorts = (event: WatchEvent) => event === 'unhealthy' || event === 'priceChanged';

/** Whether it is to be reported, and was not yet. */
function isWanted(context: WatchInstanceContext, event: WatchEvent): boolean {
  return !context.checkpoint.reported.includes(event) && policyOf(context, event) !== 'ignore';
}

function policyOf({ input }: WatchInstanceContext, event: WatchEvent): WatchPolicy {
  return input.payload.on?.[event] ?? 'notify';
}

/** Whether reads have proven an event that is to be reported: an absence as everywhere, and anything else by a second read. */
export function isProvenEvent(
  context: WatchInstanceContext,
  read: WatchedInstance,
  { verifyMs, settleMs }: { verifyMs: number; settleMs: number },
): boolean {
  const { checkpoint, input } = context;
  const event = eventOf(read);
  if (event === undefined || !isWanted(context, event)) return false;
  const before = checkpoint.suspect?.event === event ? checkpoint.suspect : undefined;
  if (event === 'deleted') return isProven(readAgain(before, input.now), input.now, settleMs);
  return isConfirmed(before, input.now, verifyMs);
}

export function wantsProbe({ input }: WatchInstanceContext, read: WatchedInstance): boolean {
  return input.payload.health !== undefined && isWell(read);
}

export function wantsPrice({ input, checkpoint }: WatchInstanceContext, read: WatchedInstance): boolean {
  const { priceIntervalMs = DEFAULT_PRICE_INTERVAL_MS } = input.payload;
  if (priceIntervalMs === 0 || !isWell(read)) return false;
  return checkpoint.pricedAt === undefined || sinceMs(checkpoint.pricedAt, input.now) >= priceIntervalMs;
}

export function probedBy(context: WatchInstanceContext, ports: readonly PortAnswer[]): WatchCheckpoint {
  const { checkpoint } = context;
  if (!isDown(context, ports)) {
    const reported = checkpoint.reported.filter((event) => event !== 'unhealthy');
    return { ...checkpoint, failures: 0, reported };
  }
  const failures = checkpoint.failures + 1;
  // The next checks decide, so they come soon.
  return { ...checkpoint, failures, ...(!checkpoint.reported.includes('unhealthy') && { calm: 0 }) };
}

function isDown({ input }: WatchInstanceContext, ports: readonly PortAnswer[]): boolean {
  const { ports: wanted = [] } = input.payload.health ?? {};
  const isMissing = wanted.some((port) => !ports.some((each) => each.port === port));
  return isMissing || ports.some(({ isHealthy }) => !isHealthy);
}

export function isUnhealthy(context: WatchInstanceContext, ports: readonly PortAnswer[]): boolean {
  const { checkpoint, input } = context;
  const { failures = DEFAULT_FAILURES } = input.payload.health ?? {};
  return isWanted(context, 'unhealthy') && isDown(context, ports) && checkpoint.failures + 1 >= failures;
}

export function pricedAt(
  { checkpoint, input }: WatchInstanceContext,
  pricePerHour: number | null,
): WatchCheckpoint {
  const shown = pricePerHour !== null && { pricePerHour, priceShownAt: input.now };
  return { ...checkpoint, pricedAt: input.now, ...shown };
}

export function isPriceChanged(context: WatchInstanceContext, pricePerHour: number | null): boolean {
  const { pricePerHour: before } = context.checkpoint;
  const isKnown = pricePerHour !== null && before !== undefined;
  return isKnown && pricePerHour !== before && policyOf(context, 'priceChanged') !== 'ignore';
}

export interface WatchPauses {
  minIntervalMs: number;
  /** Pause before a read that has to confirm another. */
  verifyMs: number;
}

/** Twice as long after each read that shows nothing new: the pause after the last one, as after the next. */
export function calmPauseMs(
  { checkpoint, input }: WatchInstanceContext,
  pauses: Pick<WatchPauses, 'minIntervalMs'>,
): number {
  const { minIntervalMs = pauses.minIntervalMs, maxIntervalMs = DEFAULT_MAX_INTERVAL_MS } = input.payload;
  const growing = minIntervalMs * 2 ** Math.min(Math.max(checkpoint.calm - 1, 0), 20);
  return Math.min(growing, Math.max(maxIntervalMs, minIntervalMs));
}

/** Soon while something changes or has to be confirmed. */
export function untilNextRead(context: WatchInstanceContext, pauses: WatchPauses): { outcome: JobOutcome } {
  const { checkpoint } = context;
  const calmly = calmPauseMs(context, pauses);
  const delayMs = checkpoint.suspect ? Math.min(pauses.verifyMs, calmly) : calmly;
  return { outcome: { kind: 'snoozed', delayMs, checkpoint } };
}

export function afterError(context: WatchInstanceContext, pauses: WatchPauses, error: unknown) {
  const { maxIntervalMs = DEFAULT_MAX_INTERVAL_MS, minIntervalMs = pauses.minIntervalMs } =
    context.input.payload;
  const delayMs = retryDelayMs(error, minIntervalMs, Math.max(maxIntervalMs, minIntervalMs));
  return { outcome: { kind: 'snoozed', delayMs, checkpoint: context.checkpoint } as JobOutcome };
}

export function reported(
  context: WatchInstanceContext,
  event: WatchEvent,
  pricePerHour?: number,
): JobOutcome {
  const { checkpoint: seen, read, input } = context;
  const policy = policyOf(context, event);
  const since = seen.suspect?.since ?? input.now;
  const checkpoint: WatchCheckpoint = {
    ...(pricePerHour === undefined ? seen : pricedAt(context, pricePerHour)),
    ...(event === 'deleted' && { proven: { is: 'gone' as const, since } }),
  };
  const result: WatchInstanceResult = {
    ...{
      novitaInstanceId: input.payload.novitaInstanceId,
      event,
      policy,
      status: read?.status ?? 'terminated',
    },
    ...defined({ reason: read?.reason, pricePerHour }),
    ...(pricePerHour !== undefined && defined({ previousPricePerHour: seen.pricePerHour })),
  };
  const next = following(context, event, policy, pricePerHour);
  return { kind: 'completed', result, checkpoint, next };
}

/** A watch that goes on reports nothing twice; the price is one that changes again. */
function following(
  { input, checkpoint }: WatchInstanceContext,
  event: WatchEvent,
  policy: WatchPolicy,
  pricePerHour = checkpoint.pricePerHour,
): NextJob[] {
  const { instanceId, novitaInstanceId, createJobId, ...settings } = input.payload;
  const known = event === 'priceChanged' ? checkpoint.reported : [...checkpoint.reported, event];
  const watch: WatchSettings = { ...settings, reported: known, ...defined({ pricePerHour }) };
  const ofInstance = { instanceId, novitaInstanceId };
  const named = { ...ofInstance, ...defined({ createJobId }) };
  if (policy === 'delete') {
    return event === 'deleted' ? [] : [{ type: 'delete_instance', idSuffix: 'delete', payload: ofInstance }];
  }
  if (policy === 'migrate' || policy === 'replace') {
    const by = policy === 'replace' || event === 'deleted' ? { by: 'replacement' } : {};
    return [{ type: 'migrate_instance', idSuffix: 'migrate', payload: { ...named, ...by, watch } }];
  }
  return event === 'deleted'
    ? []
    : [{ type: 'watch_instance', idSuffix: 'next', payload: { ...named, ...watch } }];
}

/** What to do with a delivered work message, given the job's last event. Pure: the whole protocol of claims stands here. */
import type { JobEvent } from '../../../machines/index.js';
import { type JobRecord, stalledError } from '../../jobs/job-record.js';
import { isTerminal, type JobPriority } from '../../jobs/vocabulary.js';

export interface ClaimInput {
  seq: number;
  /** The priority that the message stands under. */
  priority: JobPriority;
  /** Whether the message was handed out before: then its earlier holder has fallen silent, or let go of it. */
  redelivered: boolean;
  /** Whether the message says that what the job waits for has come. Defaults to false. */
  woken?: boolean;
  /** The job's last event, if it has any; without a record when only a foreign producer wrote there. */
  last: { record?: JobRecord; seq: number } | undefined;
  nowMs: number;
  /** When the job may no longer begin, ISO 8601; absent for one that may wait for ever. */
  expiresAt?: string | undefined;
}

export type ClaimDecision =
  /** Write the transition after the event `lastSeq`, then run. */
  | { kind: 'claim'; event: ClaimEvent; lastSeq: number }
  /** The job has ended: repeat what follows from it, and acknowledge. */
  | { kind: 'ended'; record: JobRecord }
  /** The job waits for its time: set its timer again, and acknowledge. */
  | { kind: 'rearm'; record: JobRecord; lastSeq: number }
  /** The job has another priority now: publish it under that, and acknowledge. */
  | { kind: 'reroute'; record: JobRecord }
  /** Another message carries the job: acknowledge this one. */
  | { kind: 'duplicate'; reason: string }
  /** Another worker holds it by this very message: let go of it silently. */
  | { kind: 'held' };

export type ClaimEvent = Extract<JobEvent, { type: 'CLAIM' | 'RESUME' | 'RECLAIM' | 'EXPIRE' }>;

/** A job may begin this much before its time, since the clocks of servers differ. */
const CLOCK_SKEW_MS = 200;

export function claimOfNew(nowMs: number): ClaimEvent {
  return { type: 'CLAIM', now: new Date(nowMs).toISOString() };
}

/** Whether the claim of a job begins a run, in place of its end. */
export function leadsToRun({ type }: ClaimEvent, { attempt, maxAttempts }: JobRecord): boolean {
  return type === 'RESUME' || (type !== 'EXPIRE' && attempt < maxAttempts);
}

/** By the broker's clock, as whoever claims knows it. A job that has begun once does not expire. */
export function decideClaim(input: ClaimInput): ClaimDecision {
  const decision = decideUnexpired(input);
  const { last, nowMs, expiresAt } = input;
  const isFirst = decision.kind === 'claim' && decision.event.type === 'CLAIM' && !last?.record?.startedAt;
  if (!isFirst || expiresAt === undefined || Date.parse(expiresAt) > nowMs) return decision;
  const message = `The job waited for its first attempt until after ${expiresAt}, when it expired`;
  const error = { code: 'JETFLEET_EXPIRED', message, retryable: false };
  return { ...decision, event: { type: 'EXPIRE', error } };
}

function decideUnexpired({
  seq,
  priority,
  redelivered,
  woken = false,
  last,
  nowMs,
}: ClaimInput): ClaimDecision {
  const now = new Date(nowMs).toISOString();
  const { record, seq: lastSeq } = last ?? { seq: 0 };
  if (!record) return { kind: 'claim', event: claimOfNew(nowMs), lastSeq };
  if (isTerminal(record.status)) return { kind: 'ended', record };
  const own = record.workSeq === seq;
  switch (record.state) {
    case 'running':
      if (!own) return { kind: 'duplicate', reason: `message ${record.workSeq} carries the job` };
      if (!redelivered) return { kind: 'held' };
      return { kind: 'claim', event: { type: 'RECLAIM', now, error: stalledError(record) }, lastSeq };
    case 'retrying':
    case 'waiting': {
      // The message that led here was not acknowledged: its worker died before the timer was surely set.
      const isWoken = woken && record.state === 'waiting';
      if (own || !(isWoken || isDue(record, nowMs))) return { kind: 'rearm', record, lastSeq };
      const type = record.state === 'waiting' ? 'RESUME' : 'CLAIM';
      return { kind: 'claim', event: { type, now }, lastSeq };
    }
    case 'queued':
      // Whoever has changed the priority may have died before the job's new message was published.
      if (record.earlierPriorities && record.priority !== priority) return { kind: 'reroute', record };
      return { kind: 'claim', event: { type: 'CLAIM', now }, lastSeq };
    case 'scheduled':
      // A tick with jitter was put off by this message: from then on its timer alone brings it.
      if (own || !isDue(record, nowMs)) return { kind: 'rearm', record, lastSeq };
      return { kind: 'claim', event: { type: 'CLAIM', now }, lastSeq };
    default:
      return { kind: 'claim', event: { type: 'CLAIM', now }, lastSeq };
  }
}

function isDue(record: JobRecord, nowMs: number): boolean {
  return record.nextRunAt === undefined || Date.parse(record.nextRunAt) - nowMs <= CLOCK_SKEW_MS;
}

/** What must hold after every run, whatever struck. */
import type { FaultInput } from '../../src/gpu/index.js';
import type { JobRecord } from '../../src/index.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { chartEdges } from './chart-edges.js';
import type { Evidence } from './evidence.js';
import { fleetViolations } from './fleet-invariants.js';
import { flowViolations } from './flow-invariants.js';
import { hostileViolations, wasCancelled } from './hostile-invariants.js';
import { instanceViolations } from './instance-invariants.js';
import { limitViolations } from './limit-invariants.js';
import { outboxViolations } from './outbox-invariants.js';
import { LONG_ACK_WAIT_MS, type PlannedFault, type PlannedJob } from './plan.js';
import { retentionViolations } from './retention-invariants.js';
import { scheduleViolations } from './schedule-invariants.js';
import { signalViolations } from './signal-invariants.js';
import { timeViolations } from './time-invariants.js';
import { uniqueViolations } from './unique-invariants.js';
import { webhookViolations } from './webhook-invariants.js';

export type ViolationKind =
  | 'lost'
  | 'ended-twice'
  | 'attempts'
  | 'charged'
  | 'path'
  | 'cancel'
  | 'duplicated-instance'
  | 'orphaned-instance'
  | 'missing-instance'
  | 'capacity-missed'
  | 'healthy-deleted'
  | 'order-undone'
  | 'undelivered-webhook'
  | 'webhook-id'
  | 'unexpected-failure'
  | 'tick-missing'
  | 'tick-twice'
  | 'tick-overlap'
  | 'left-over'
  | 'rolled-back'
  | 'signal'
  | 'retention'
  | 'flow'
  | 'early'
  | 'clock'
  | 'held-up'
  | 'flood'
  | 'active-twice'
  | 'key-stuck'
  | 'over-limit'
  | 'permit-stuck'
  | 'hostile'
  | 'crashed'
  | 'finding'
  | 'harness';

/** Those that are seen while a run goes on, and that nothing later can undo. */
export const FINAL_KINDS: ReadonlySet<ViolationKind> = new Set([
  'ended-twice',
  'attempts',
  'charged',
  'path',
  'duplicated-instance',
  'capacity-missed',
  'healthy-deleted',
  'unexpected-failure',
  'tick-overlap',
  'early',
  'clock',
  'held-up',
  'flood',
  'active-twice',
  'over-limit',
  'hostile',
  'crashed',
]);

export interface Violation {
  kind: ViolationKind;
  /** The job, instance or webhook that it is about. */
  about: string;
  detail: string;
}

const EDGES = chartEdges();

export function violationsOf(evidence: Evidence): Violation[] {
  const { histories, accepted, cancelled, leftOver, plan, crashes } = evidence;
  const expected = new Set([...accepted, ...followers(evidence), ...histories.keys()]);
  return [
    ...[...expected].flatMap((id) => endOf(id, histories.get(id) ?? [])),
    ...[...histories.values()].flatMap(pathOf),
    ...(haveAllWorkersLived(evidence) ? [...histories.values()].flatMap(chargedTo) : []),
    ...cancelled.flatMap((id) => cancelOf(id, histories.get(id) ?? [])),
    ...plan.jobs.flatMap((job) => failureOf(job, histories)),
    ...leftOver.map((subject): Violation => ({ kind: 'left-over', about: subject, detail: 'still stored' })),
    ...instanceViolations(evidence),
    ...fleetViolations(evidence),
    ...webhookViolations(evidence),
    ...timeViolations(evidence),
    ...scheduleViolations(evidence),
    ...crashes.map((detail): Violation => ({ kind: 'crashed', about: 'worker', detail })),
    ...hostileViolations(evidence),
    ...signalViolations(evidence),
    ...uniqueViolations(evidence),
    ...flowViolations(evidence),
    ...limitViolations(evidence),
    ...retentionViolations(evidence),
    ...outboxViolations(evidence),
  ];
}

/** What a record promises to follow was accepted with it. */
function followers({ histories }: Evidence): string[] {
  return [...histories.values()].flatMap((history) => (history.at(-1)?.next ?? []).map(({ id }) => id));
}

function endOf(id: string, history: readonly JobRecord[]): Violation[] {
  const last = history.at(-1);
  // A redrive begins another life. What is left of the one before may be gone, or kept.
  const life = history.filter(({ redrives }) => redrives === last?.redrives);
  const ends = life.filter(({ status }) => isTerminal(status));
  if (!last || !isTerminal(last.status)) {
    return [
      { kind: 'lost', about: id, detail: `last seen ${last ? last.state : 'never'}: ${statesOf(history)}` },
    ];
  }
  if (ends.length === 1) return [];
  return [{ kind: 'ended-twice', about: id, detail: statesOf(history) }];
}

/** Each record follows from the one before by a transition of the chart, and attempts are counted. */
function pathOf(history: readonly JobRecord[]): Violation[] {
  const found: Violation[] = [];
  let before: Pick<JobRecord, 'state' | 'attempt' | 'redrives'> = { state: 'queued', attempt: 0 };
  for (const record of history) {
    const { id, attempt, maxAttempts, state } = record;
    const detail = statesOf(history);
    // A redrive begins another life, in which the chart starts anew.
    const redriven = (record.redrives ?? 0) > (before.redrives ?? 0);
    if (redriven) before = { state: 'queued', attempt: 0 };
    if (attempt > maxAttempts) found.push({ kind: 'attempts', about: id, detail });
    const edge = `${before.state} -> ${state}`;
    const stays = before.state === state && attempt === before.attempt;
    // A tick of a schedule with jitter waits from its first record on.
    const isPutOff = record === history[0] && state === 'scheduled' && record.scheduledBy !== undefined;
    // It is due, and has no permit: its timer is that of the line.
    const isInLine = state === 'queued' && record.limited !== undefined && before.state === 'retrying';
    if (!redriven && !stays && !isPutOff && !isInLine && !EDGES.has(edge))
      found.push({ kind: 'path', about: id, detail: `${edge} in ${detail}` });
    if (!attemptFits(before, record)) found.push({ kind: 'attempts', about: id, detail });
    before = record;
  }
  return found;
}

/** Faults that leave every worker alive, and its jobs with it for as long as it says so. */
const OF_THE_CLUSTER: readonly PlannedFault['kind'][] = [
  'follower-freeze',
  'followers-slow',
  'rolling-restart',
];

/** One that got no turn for as long as a lease lasts could not say so. */
function haveAllWorkersLived({ plan, lagMs }: Evidence): boolean {
  const { scenario, faults, ackWaitMs } = plan;
  if (lagMs > ackWaitMs / 2) return false;
  if (faults.length === 0) return scenario === 'directed';
  return ackWaitMs === LONG_ACK_WAIT_MS && faults.every(({ kind }) => OF_THE_CLUSTER.includes(kind));
}

/** An attempt that was counted as lost, and failures for want of another one. */
function chargedTo(history: readonly JobRecord[]): Violation[] {
  const takeovers = history.filter((record, index) => {
    const before = history[index - 1];
    const isTakeover =
      before?.state === 'running' && record.state === 'running' && record.attempt > before.attempt;
    return isTakeover || record.error?.code === 'JETFLEET_STALLED';
  });
  return takeovers.map(({ id }) => ({ kind: 'charged', about: id, detail: statesOf(history) }));
}

/** A claim and a takeover count one more; a job that is handed back counts one less; nothing else counts. */
function attemptFits(
  before: Pick<JobRecord, 'state' | 'attempt'>,
  { state, attempt }: Pick<JobRecord, 'state' | 'attempt'>,
): boolean {
  if (state === 'queued') return attempt === before.attempt || attempt === before.attempt - 1;
  if (state !== 'running') return attempt === before.attempt;
  if (before.state === 'waiting') return attempt === before.attempt;
  if (before.state === 'running') return attempt === before.attempt || attempt === before.attempt + 1;
  return attempt === before.attempt + 1;
}

/** Who was told that a job is cancelled must find it so. */
function cancelOf(id: string, history: readonly JobRecord[]): Violation[] {
  return wasCancelled(history) ? [] : [{ kind: 'cancel', about: id, detail: statesOf(history) }];
}

/**
 * How a job may fail whose provider and endpoint behave: its workers died, a call to the provider timed out, the broker
 * answered every fence too late, or it was cancelled.
 */
const EXPLAINED =
  /^JETFLEET_(STALLED|CANCELLED|PROVIDER_AMBIGUOUS|PROVIDER_TRANSIENT|PUBLISH_TIMEOUT|READ_TIMEOUT)$/;

/** A provider that answers strangely explains failures of many kinds, but not that an instance was taken for gone. */
function isExplained(code: string, faults: readonly FaultInput[]): boolean {
  if (code === 'JETFLEET_INSTANCE_VANISHED') return faults.some(({ kind }) => kind === 'vanish');
  return faults.length > 0 || EXPLAINED.test(code);
}

function failureOf(job: PlannedJob, histories: Evidence['histories']): Violation[] {
  if (job.kind !== 'create') return [];
  return [job.id, `${job.id}-monitor`].flatMap((id): Violation[] => {
    const last = histories.get(id)?.at(-1);
    // A job that is redriven finds what its failure has left: its instance is deleted.
    const code = last?.failures?.[0]?.code ?? last?.error?.code ?? '';
    if (last?.status !== 'failed' || isExplained(code, job.faults)) return [];
    return [{ kind: 'unexpected-failure', about: id, detail: `${code}: ${last.error?.message}` }];
  });
}

export function statesOf(history: readonly JobRecord[]): string {
  return history
    .map(({ state, attempt, worker }) => `${state}(${attempt}${worker ? ` ${worker}` : ''})`)
    .join(' ');
}

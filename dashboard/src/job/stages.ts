import type { HistoryItem, JobRecord } from '../api/answers.js';

/** A state that a job was in, from one record to the next. */
export interface Stage {
  key: string;
  /** The id of the state in the chart of a job: `pending.queued`. */
  path: string;
  at: string;
  /** The record that tells of it; for an implied stage, the one that it follows from. */
  record: JobRecord;
  /** When the server has stored that record. */
  storedAt?: string;
  /**
   * Nobody wrote it down, since it follows from the next record: a new job is queued by its message alone, and a short
   * one writes only how it ended.
   */
  isImplied: boolean;
}

export function pathOf({ status, state }: Pick<JobRecord, 'status' | 'state'>): string {
  return status === state ? status : `${status}.${state}`;
}

/** The states that a job went through, oldest first. */
export function stagesOf(history: readonly HistoryItem[]): Stage[] {
  const stages: Stage[] = [];
  const imply = (path: string, at: string, record: JobRecord) =>
    stages.push({ key: `${path}@${at}`, path, at, record, isImplied: true });
  for (const { seq, record, storedAt } of history) {
    const before = stages.at(-1);
    if (!before && record.status !== 'pending') imply('pending.queued', record.createdAt, record);
    const wasPending = stages.at(-1)?.path.startsWith('pending') ?? false;
    if (wasPending && endedAttempt(record, before?.record)) {
      imply('processing.running', startOf(record, stages.at(-1)?.at ?? record.createdAt), record);
    }
    // Checkpoints and renewed leases are records of the same state.
    const isSame = stages.at(-1)?.path === pathOf(record) && stages.at(-1)?.record.attempt === record.attempt;
    const stage = { key: String(seq), path: pathOf(record), at: record.updatedAt, record, isImplied: false };
    if (!isSame) stages.push({ ...stage, ...(storedAt !== undefined && { storedAt }) });
  }
  return stages;
}

/** Whether an attempt ran between two records of which neither says so. */
function endedAttempt(record: JobRecord, before: JobRecord | undefined): boolean {
  const isRunning = record.state === 'running' || record.state === 'queued' || record.state === 'scheduled';
  return !isRunning && record.attempt > (before?.attempt ?? 0);
}

function startOf({ startedAt, attempt }: JobRecord, notBefore: string): string {
  return attempt === 1 && startedAt !== undefined && startedAt > notBefore ? startedAt : notBefore;
}

/** One try of a job. */
export interface Attempt {
  /** Tells tries of earlier lives apart: a retried dead letter counts from 1 again. */
  key: string;
  number: number;
  startedAt: string;
  endedAt?: string;
  worker?: string;
  outcome: string;
  error?: JobRecord['error'];
}

/** The tries of a job, newest first. */
export function attemptsOf(stages: readonly Stage[]): Attempt[] {
  const attempts: Attempt[] = [];
  for (const [index, { path, at, record }] of stages.entries()) {
    if (path !== 'processing.running') continue;
    const next = stages[index + 1];
    attempts.unshift({
      key: `${at}-${index}`,
      number: record.attempt,
      startedAt: at,
      outcome: next ? (next.path.split('.').at(-1) ?? '') : 'running',
      ...(next && { endedAt: next.at }),
      ...(record.worker !== undefined && { worker: record.worker }),
      ...(next?.record.error && { error: next.record.error }),
    });
  }
  return attempts;
}

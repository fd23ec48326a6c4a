/** The record that a change makes of a job that waits: a pure function. */
import type { JobChange, JobRecord } from '../../jobs/job-record.js';
import type { WantedChange } from './wanted-change.js';

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a time that is past by the broker's clock */
export function changedRecord(before: JobRecord, wanted: WantedChange, nowMs: number): JobRecord {
  const now = new Date(nowMs).toISOString();
  const change: JobChange = { what: wanted.what, at: now, ...(wanted.by !== undefined && { by: wanted.by }) };
  const record: JobRecord = { ...before, updatedAt: now, change };
  if (wanted.priority !== undefined) {
    record.priority = wanted.priority;
    record.earlierPriorities = [...new Set([...(before.earlierPriorities ?? []), before.priority])];
  }
  if (!wanted.atMs) return record;
  const atMs = wanted.atMs(nowMs);
  record.nextRunAt = new Date(atMs).toISOString();
  if (before.state === 'queued') record.state = 'scheduled';
  // It stands in line again when it has come back.
  record.limited = undefined;
  // How long it may wait counts from when it may start.
  if (record.startedAt === undefined && record.expiresInMs !== undefined)
    record.expiresAt = new Date(atMs + record.expiresInMs).toISOString();
  return record;
}

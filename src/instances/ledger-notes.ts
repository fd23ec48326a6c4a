/** What the outcome of a job proves of the instance that it was about, for the ledger: a function of its record alone, so that any worker notes the same. */
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import type { LedgerNote } from '../money/ledger-entry.js';
import { createInstance, deleteInstance, monitorInstance } from './jobs.js';
import {
  keepLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from './lifecycle-jobs.js';

/** Instances, by the ids that the job knows them by, with what is to be noted of them; nothing: only that they were rented. */
export interface NotedInstance {
  novitaInstanceId: string;
  notes: LedgerNote[];
}

type NotesOf = (record: JobRecord, before: JobRecord) => NotedInstance[];

const NOTES: Readonly<Record<string, NotesOf>> = {
  [createInstance.type]: rented,
  [monitorInstance.type]: monitored,
  [deleteInstance.type]: deleted,
  [startInstance.type]: ordered,
  [stopInstance.type]: ordered,
  [restartInstance.type]: ordered,
  [migrateInstance.type]: ordered,
  [watchInstance.type]: watched,
  [keepLease.type]: leased,
};

/** Of a record that is about to be stored; `before` is the one that it follows. */
export function notesOf(record: JobRecord, before: JobRecord): NotedInstance[] {
  return NOTES[record.type]?.(record, before) ?? [];
}

/** All that a create job has found to be its own, also of those that are deleted again. */
function rented({ status, result }: JobRecord): NotedInstance[] {
  if (status !== 'completed') return [];
  const { duplicates } = (result ?? {}) as { duplicates?: unknown };
  const ids = [textField(result, 'novitaInstanceId'), ...(Array.isArray(duplicates) ? duplicates : [])];
  return ids.flatMap((id) => (typeof id === 'string' ? [{ novitaInstanceId: id, notes: [] }] : []));
}

function monitored(record: JobRecord): NotedInstance[] {
  const { status, result, error, payload, checkpoint, updatedAt: at } = record;
  if (status === 'completed') {
    const isReplaced = textField(result, 'status') === 'replaced';
    return ofPayload(
      record,
      isReplaced ? [{ what: 'ended', at: absentSince(record), end: 'deleted' }] : [running(at)],
    );
  }
  if (status !== 'failed') return [];
  if (error?.code === 'JETFLEET_INSTANCE_VANISHED') return ofPayload(record, [gone(record)]);
  const isReclaimed = textField(checkpoint, 'lastStatus') === 'preempted';
  // It runs no more, and no watch of it follows.
  if (error?.code === 'JETFLEET_INSTANCE_FAILED' && isReclaimed)
    return ofPayload(record, [interrupted(at), stopped(at)]);
  if (error?.code !== 'JETFLEET_INSTANCE_TIMEOUT') return [];
  const onTimeout = textField(payload, 'onTimeout') ?? 'delete';
  if (onTimeout === 'delete')
    return ofPayload(record, [{ what: 'ended', at: absentSince(record), end: 'deleted' }]);
  return onTimeout === 'stop' ? ofPayload(record, [stopped(at)]) : [];
}

/** What a delete job has found costs money until it is proven to be gone, and was rented by somebody whose entry may be missing. */
function deleted(record: JobRecord, before: JobRecord): NotedInstance[] {
  const { status, result, checkpoint } = record;
  if (status === 'completed') {
    const at = absentSince(record);
    const { deleted: ids } = (result ?? {}) as { deleted?: unknown };
    // Not there any more when it was looked for: somebody else has deleted it.
    const named = textField(record.payload, 'novitaInstanceId');
    const found = new Set(Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : []);
    return [
      ...[...found].map(
        (id): NotedInstance => ({ novitaInstanceId: id, notes: [{ what: 'ended', at, end: 'deleted' }] }),
      ),
      ...(named !== undefined && !found.has(named)
        ? ofPayload(record, [{ what: 'ended', at, end: 'gone' }])
        : []),
    ];
  }
  // Also what a later look has found, and what could not be deleted.
  const known = foundIn(before);
  return [...foundIn({ checkpoint })].flatMap((id) =>
    known.has(id) ? [] : [{ novitaInstanceId: id, notes: [] }],
  );
}

function foundIn({ checkpoint }: Pick<JobRecord, 'checkpoint'>): Set<string> {
  const { found } = (checkpoint ?? {}) as { found?: unknown };
  return new Set(Array.isArray(found) ? found.filter((id) => typeof id === 'string') : []);
}

function ordered(record: JobRecord): NotedInstance[] {
  const { status, result, error, updatedAt: at } = record;
  if (error?.code === 'JETFLEET_INSTANCE_VANISHED' && status === 'failed')
    return ofPayload(record, [gone(record)]);
  // The one that took its place is that of another create job; the old one has a delete job.
  if (status !== 'completed' || textField(result, 'replaced') !== undefined) return [];
  // It is billed from the order on, not from when it was seen to run.
  const sentAt = textField(record.checkpoint, 'sentAt');
  const startedAt = sentAt !== undefined && sentAt < at ? sentAt : at;
  return ofPayload(record, [textField(result, 'status') === 'stopped' ? stopped(at) : running(startedAt)]);
}

interface Watched {
  reported?: unknown;
  pricePerHour?: unknown;
  pricedAt?: unknown;
}

function watched(record: JobRecord, before: JobRecord): NotedInstance[] {
  const { status, result, checkpoint, updatedAt: at } = record;
  const now = (checkpoint ?? {}) as Watched;
  const earlier = (before.checkpoint ?? record.payload ?? {}) as Watched;
  const notes: LedgerNote[] = [];
  const { pricePerHour = now.pricePerHour, event, status: seen } = (result ?? {}) as Record<string, unknown>;
  // It is back where a look that goes on no longer has it away, or where the watch ends with other news of one that runs.
  const goesOn = !isTerminal(status) && checkpoint !== undefined;
  if (isAway(earlier) && (goesOn ? !isAway(now) : seen === 'running')) notes.push(running(at));
  const isPriced = now.pricedAt !== earlier.pricedAt || event === 'priceChanged';
  if (isPriced && isAmount(pricePerHour)) notes.push({ what: 'price', at, pricePerHour });
  if (event === 'deleted') notes.push(gone(record));
  if (event === 'stopped') notes.push(stopped(at));
  if (event === 'spotInterrupted') {
    notes.push(interrupted(at));
    if (seen === 'preempted' || seen === 'stopped') notes.push(stopped(at));
  }
  return notes.length === 0 ? [] : ofPayload(record, notes);
}

/** What a watch has reported that is not over. */
function isAway({ reported }: Watched): boolean {
  return Array.isArray(reported) && (reported.includes('stopped') || reported.includes('spotInterrupted'));
}

function isAmount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/**
 * A lease that was not renewed in its time ends its instance. It shows in the first renewal after that: so long after the one before, which found
 * the instance gone.
 */
function leased(record: JobRecord, before: JobRecord): NotedInstance[] {
  const { status, checkpoint, payload, updatedAt } = record;
  if (status === 'completed') return ofPayload(record, [gone(record)]);
  const { absent } = (checkpoint ?? {}) as { absent?: { reads?: unknown } };
  const { leaseMs } = (payload ?? {}) as { leaseMs?: unknown };
  const ageMs = Date.parse(updatedAt) - Date.parse(before.updatedAt);
  const hasLapsed = absent?.reads === 1 && typeof leaseMs === 'number' && ageMs > leaseMs;
  return hasLapsed ? ofPayload(record, [{ what: 'lapsed', at: updatedAt }]) : [];
}

function ofPayload({ payload }: JobRecord, notes: LedgerNote[]): NotedInstance[] {
  const novitaInstanceId = textField(payload, 'novitaInstanceId');
  return novitaInstanceId === undefined ? [] : [{ novitaInstanceId, notes }];
}

function running(at: string): LedgerNote {
  return { what: 'state', at, state: 'running' };
}

function stopped(at: string): LedgerNote {
  return { what: 'state', at, state: 'stopped' };
}

function interrupted(at: string): LedgerNote {
  return { what: 'interrupted', at };
}

/** Nobody of this queue has deleted it, as far as this job knows. */
function gone(record: JobRecord): LedgerNote {
  return { what: 'ended', at: absentSince(record), end: 'gone' };
}

/** Since when its provider has not known it: what was proven later was so then. */
function absentSince({ checkpoint, updatedAt }: JobRecord): string {
  const { absent, suspect } = (checkpoint ?? {}) as Record<
    string,
    { since?: unknown; event?: unknown } | undefined
  >;
  const since = suspect?.event === 'deleted' ? suspect.since : absent?.since;
  const isTime = typeof since === 'string' && !Number.isNaN(Date.parse(since));
  return isTime && since < updatedAt ? since : updatedAt;
}

/** What the record of a job proves of the instance that it is about, for the ledger: a function of records alone, so that any worker notes the same. */

import type { Proven, WatchCheckpoint } from '../../machines/index.js';
import { isCount, isTime } from '../jobs/guards.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import type { LedgerNote } from '../money/ledger-entry.js';
import { createInstance, deleteInstance, monitorInstance } from './jobs.js';
import {
  checkInstance,
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

type NotesOf = (record: JobRecord, before: JobRecord | undefined) => NotedInstance[];

const NOTES: Readonly<Record<string, NotesOf>> = {
  [createInstance.type]: rented,
  [monitorInstance.type]: proven,
  [deleteInstance.type]: deleted,
  [startInstance.type]: proven,
  [stopInstance.type]: proven,
  [restartInstance.type]: proven,
  [migrateInstance.type]: proven,
  [checkInstance.type]: proven,
  [watchInstance.type]: watched,
  [keepLease.type]: proven,
};

/** The types of jobs that have something to note. */
export const NOTED_TYPES: readonly string[] = Object.keys(NOTES);

/** @param before the record that it follows; all of that one is noted already */
export function notesOf(record: JobRecord, before?: JobRecord): NotedInstance[] {
  return NOTES[record.type]?.(record, before) ?? [];
}

/** All that a create job has found to be its own, also of those that are deleted again. */
function rented({ status, result }: JobRecord): NotedInstance[] {
  if (status !== 'completed') return [];
  return [textField(result, 'novitaInstanceId'), ...idsIn(result, 'duplicates')].flatMap((id) =>
    id === undefined ? [] : [{ novitaInstanceId: id, notes: [] }],
  );
}

function proven(record: JobRecord, before: JobRecord | undefined): NotedInstance[] {
  const notes = provenNotes(record, before);
  return notes.length === 0 ? [] : ofPayload(record, notes);
}

function provenNotes(record: JobRecord, before: JobRecord | undefined): LedgerNote[] {
  const [now, then] = [provenBy(record), provenBy(before)];
  if (!now || (now.is === then?.is && now.since === then.since)) return [];
  const { is, since: at, isInterrupted } = now;
  const interrupted: LedgerNote[] = isInterrupted ? [{ what: 'interrupted', at }] : [];
  if (is === 'running' || is === 'stopped') return [...interrupted, { what: 'state', at, state: is }];
  return [...interrupted, { what: 'ended', at, provenAt: record.updatedAt, end: is }];
}

const PROOFS: readonly string[] = [
  'running',
  'stopped',
  'gone',
  'deleted',
  'watchdog',
] satisfies Proven['is'][];

/** As the chart has left it. A checkpoint is what any worker has written. */
function provenBy(record: JobRecord | undefined): Proven | undefined {
  const { proven: found } = Object(record?.checkpoint) as { proven?: unknown };
  const is = textField(found, 'is');
  const isProof = is !== undefined && PROOFS.includes(is) && isTime(textField(found, 'since'));
  return isProof ? (found as Proven) : undefined;
}

/** What a delete job has found costs money until it is proven to be gone, and was rented by somebody whose entry may be missing. */
function deleted(record: JobRecord, before: JobRecord | undefined): NotedInstance[] {
  const { status, result, updatedAt: provenAt } = record;
  if (status !== 'completed') {
    // Also what a later look has found, and what could not be deleted.
    const known = new Set(idsIn(before?.checkpoint, 'found'));
    const found = idsIn(record.checkpoint, 'found').filter((id) => !known.has(id));
    return found.map((id) => ({ novitaInstanceId: id, notes: [] }));
  }
  const at = absentSince(record);
  const found = new Set(idsIn(result, 'deleted'));
  const ended = (end: 'deleted' | 'gone'): LedgerNote => ({ what: 'ended', at, provenAt, end });
  const named = textField(record.payload, 'novitaInstanceId');
  // Not there any more when it was looked for: somebody else has deleted it.
  const isGone = named !== undefined && !found.has(named);
  return [
    ...[...found].map((id) => ({ novitaInstanceId: id, notes: [ended('deleted')] })),
    ...(isGone ? ofPayload(record, [ended('gone')]) : []),
  ];
}

function watched(record: JobRecord, before: JobRecord | undefined): NotedInstance[] {
  const { checkpoint, result, updatedAt } = record;
  const now = Object(checkpoint) as Partial<WatchCheckpoint>;
  const then = Object(before?.checkpoint) as Partial<WatchCheckpoint>;
  const notes = provenNotes(record, before);
  const { pricePerHour, priceShownAt: at } = now;
  // A look that finds the price of the one before, or none, is no news.
  const isShown = at !== undefined && at !== then.priceShownAt;
  const isNews = isShown && (then.priceShownAt === undefined || pricePerHour !== then.pricePerHour);
  if (isNews && isCount(pricePerHour)) notes.push({ what: 'price', at, pricePerHour });
  if (textField(result, 'event') === 'spotInterrupted')
    notes.push({ what: 'interrupted', at: now.suspect?.since ?? updatedAt });
  return notes.length === 0 ? [] : ofPayload(record, notes);
}

function idsIn(value: unknown, name: string): string[] {
  const ids: unknown = Object(value)[name];
  return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string') : [];
}

function ofPayload({ payload }: JobRecord, notes: LedgerNote[]): NotedInstance[] {
  const novitaInstanceId = textField(payload, 'novitaInstanceId');
  return novitaInstanceId === undefined ? [] : [{ novitaInstanceId, notes }];
}

/** Since when its provider has not known it: what was proven later was so then. */
function absentSince({ checkpoint, updatedAt }: JobRecord): string {
  const { absent } = Object(checkpoint) as { absent?: unknown };
  const since = textField(absent, 'since');
  return isTime(since) && since < updatedAt ? since : updatedAt;
}

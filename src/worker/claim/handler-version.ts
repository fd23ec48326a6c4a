/** Jobs and handlers of different versions, while old and new workers run side by side. */
import { JetfleetError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { RunDefaults } from '../../jobs/run-defaults.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { jsonValue } from '../outcome/outcome-record.js';

/** The record as a handler of this version goes on with it, or which version the job waits for. */
export type VersionFit = { record: JobRecord } | { wanted: string };

/**
 * A job that has begun stays with its version, unless the handler can take it over. One that has begun before its type had versions goes
 * to any of them.
 * @throws JetfleetError `JETFLEET_MIGRATION_FAILED`
 */
export function fitToVersion(
  { version, migrate }: Pick<RunDefaults, 'version' | 'migrate'>,
  record: JobRecord,
): VersionFit {
  const { handlerVersion, startedAt, status } = record;
  const from = handlerVersion ?? 0;
  const isOpen = startedAt !== undefined && !isTerminal(status);
  if (!isOpen || from === (version ?? 0)) return { record };
  if (version === undefined || from > version) return { wanted: `version ${from}` };
  if (!migrate) return from === 0 ? { record } : { wanted: `version ${from}, or one that can migrate it` };
  return { record: { ...record, checkpoint: migrated(record, from, migrate) } };
}

/** The record of a job that a handler of this version has claimed. One without a version binds its jobs to none. */
export function ofVersion(record: JobRecord, version: number | undefined): JobRecord {
  const { handlerVersion, ...unbound } = record;
  if (handlerVersion === version) return record;
  return version === undefined ? unbound : { ...unbound, handlerVersion: version };
}

function migrated(
  { id, checkpoint }: JobRecord,
  from: number,
  migrate: NonNullable<RunDefaults['migrate']>,
): unknown {
  try {
    const made = migrate(checkpoint, from);
    if (isThenable(made)) throw notAwaited(made);
    return jsonValue('checkpoint', made);
  } catch (cause) {
    const why = `job ${id} cannot be migrated from version ${from}: ${(cause as Error)?.message ?? cause}`;
    throw new JetfleetError('JETFLEET_MIGRATION_FAILED', why, { cause });
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | undefined)?.then === 'function';
}

/** Nobody waits for it, so that nothing is to come of its failure either. */
function notAwaited(promise: PromiseLike<unknown>): Error {
  promise.then(undefined, () => {});
  return new Error('migrate returned a promise; it must return the checkpoint itself');
}

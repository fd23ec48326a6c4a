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

function migrated(
  { id, checkpoint }: JobRecord,
  from: number,
  migrate: NonNullable<RunDefaults['migrate']>,
): unknown {
  try {
    return jsonValue('checkpoint', migrate(checkpoint, from));
  } catch (cause) {
    const why = `job ${id} cannot be migrated from version ${from}: ${(cause as Error)?.message ?? cause}`;
    throw new JetfleetError('JETFLEET_MIGRATION_FAILED', why, { cause });
  }
}

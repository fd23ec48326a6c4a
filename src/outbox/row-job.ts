/** A row of the outbox as a job. */
import { BrokerError, invalidOption, JetfleetError, ValidationError } from '../jobs/errors.js';
import { parseExactJson } from '../jobs/exact-json.js';
import type { JobPriority } from '../jobs/vocabulary.js';
import type { SourcedJob } from '../queue/job-add-each.js';
import type { OutboxRow } from './session.js';

/** Given by columns of their own. */
const OWN_COLUMNS: Readonly<Record<string, string>> = {
  id: 'job_id',
  delayMs: 'run_at',
  runAt: 'run_at',
  type: 'type',
  payload: 'payload',
  priority: 'priority',
};

/**
 * @throws ValidationError for a payload that would not arrive as it stands, and for options that are none; what is left is checked
 *   where it is added
 */
export function jobOfRow(row: OutboxRow): SourcedJob {
  const { id, jobId, type, payload, priority, delayMs, attempt } = row;
  const options = row.options === null ? {} : optionsOf(row.options);
  const job = {
    ...options,
    id: jobId ?? id,
    type,
    priority: priority as JobPriority,
    payload: parseExactJson(payload),
    ...(delayMs !== null && delayMs > 0 && { delayMs }),
  };
  return { job, isNew: jobId === null && attempt === 1 };
}

function optionsOf(text: string): Record<string, unknown> {
  const options = parseExactJson(text) as Record<string, unknown>;
  const taken = Object.keys(options).find((name) => Object.hasOwn(OWN_COLUMNS, name));
  if (taken === undefined) return options;
  throw invalidOption(`options has ${taken}, for which there is the column ${OWN_COLUMNS[taken]}`);
}

/** What a broker says of one message and not of itself. */
const OF_THE_MESSAGE: ReadonlySet<string> = new Set([
  'JETFLEET_MESSAGE_TOO_LARGE',
  'JETFLEET_PUBLISH_REFUSED',
]);

/** Whether a row is to blame, so that it would fail again, rather than the broker, the relay or the moment. */
export function isOfRow(error: unknown): boolean {
  if (!JetfleetError.is(error)) return true;
  if (error instanceof ValidationError) return true;
  if (error.retryable || error.code === 'JETFLEET_CLOSED') return false;
  return !(error instanceof BrokerError) || OF_THE_MESSAGE.has(error.code);
}

import type { Context } from 'hono';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import type { JobVersion } from '../queue/job-lookup.js';

/** A job's version: the sequence of its last record, and its state, which alone tells a timer that has fired. */
export function etagOf({ job, seq }: JobVersion): string {
  return `"${seq}-${job.state}"`;
}

/** Whether the caller has this version already. */
export function isKnown(c: Context, etag: string): boolean {
  const known = c.req.header('if-none-match');
  if (known === undefined) return false;
  return known.split(',').some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === etag);
}

/**
 * The version that a change is asked for in `If-Match`, or none.
 * @throws ValidationError for a tag that is none of ours; JetfleetError `JETFLEET_VERSION_MISMATCH` for a weak one
 */
export function wantedVersion(c: Context): { ifSeq?: number } {
  const header = c.req.header('if-match')?.trim();
  if (header === undefined || header === '*') return {};
  if (header.startsWith('W/')) {
    throw new JetfleetError('JETFLEET_VERSION_MISMATCH', 'If-Match needs the strong ETag of the job');
  }
  const [, seq] = /^"(\d{1,16})-[a-z_]+"$/.exec(header) ?? [];
  if (seq !== undefined) return { ifSeq: Number(seq) };
  throw new ValidationError('JETFLEET_HTTP_INVALID', 'If-Match must be the ETag of a job, or *');
}

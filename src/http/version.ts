import type { Context } from 'hono';
import { JetfleetError, ValidationError } from '../jobs/errors.js';

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
  const [, seq] = /^"(\d{1,16})-[a-z_]+(-\d{1,16})?"$/.exec(header) ?? [];
  if (seq !== undefined) return { ifSeq: Number(seq) };
  throw new ValidationError('JETFLEET_HTTP_INVALID', 'If-Match must be the ETag of a job, or *');
}

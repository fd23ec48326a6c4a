/** How what the server has differs from what Jetfleet needs. */
import { isDeepStrictEqual } from 'node:util';

/**
 * One setting that differs. `danger` ones can lose or repeat jobs, so a worker does not start on them;
 * `advice` ones only change how well it runs.
 */
export interface Drift {
  /** `stream JOBS` or `consumer create_instance-high`. */
  target: string;
  field: string;
  have: unknown;
  want: unknown;
  severity: 'danger' | 'advice';
}

const ADVICE = new Set(['description', 'num_replicas', 'max_age', 'ack_wait', 'duplicate_window']);

/** Compares only what is wanted: what an operator set besides is theirs. */
export function findDrift(target: string, have: object, want: object): Drift[] {
  const present = have as Record<string, unknown>;
  return Object.entries(want)
    .filter(([field, value]) => !same(present[field], value))
    .map(([field, value]) => ({
      target,
      field,
      have: present[field],
      want: value,
      // Records that are dropped while their job waits would let it run twice.
      severity: ADVICE.has(field) ? 'advice' : 'danger',
    }));
}

/** What to do about a stream that stays as it is. Never to delete it: it may hold jobs, or belong to somebody else. */
export const OTHER_NAMESPACE = 'set JETFLEET_NAMESPACE to use streams and subjects of another name';

/** Whether the difference shows a stream of somebody else, which only has the same name. */
export function isForeign({ target, field, have, want }: Drift): boolean {
  if (field !== 'subjects' || !target.startsWith('stream')) return false;
  const wanted: unknown[] = Array.isArray(want) ? want : [];
  return !(Array.isArray(have) && have.some((subject) => wanted.includes(subject)));
}

/** The drift as a diff, one setting on three lines. */
export function formatDrift(drift: readonly Drift[]): string {
  return drift
    .map(
      ({ target, field, have, want, severity }) =>
        `${target}: ${field} (${severity})\n  - has   ${JSON.stringify(have) ?? 'nothing'}\n  + wants ${JSON.stringify(want)}`,
    )
    .join('\n');
}

function same(have: unknown, want: unknown): boolean {
  // The server gives lists in an order of its own.
  if (Array.isArray(want))
    return isDeepStrictEqual(new Set<unknown>(Array.isArray(have) ? have : []), new Set<unknown>(want));
  if (typeof want === 'object' && want !== null) return isDeepStrictEqual(have, want);
  // It leaves out what is false or zero.
  return have === want || ((have ?? 0) === 0 && want === 0) || ((have ?? false) === false && want === false);
}

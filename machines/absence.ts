import { sinceMs } from './time.js';

/** How long, and how often in a row, the provider has said that it does not know an instance. */
export interface Absence {
  /** ISO time of the first such answer. */
  since: string;
  reads: number;
}

/** Fewer answers prove nothing, however far apart: providers forget for a moment what they have just made. */
const MIN_READS = 3;

/** One more answer. A read that fails is no answer, and changes nothing. */
export function absentAgain(before: Absence | undefined, now: string): Absence {
  return { since: before?.since ?? now, reads: (before?.reads ?? 0) + 1 };
}

export function isProven({ since, reads }: Absence, now: string, settleMs: number): boolean {
  return reads >= MIN_READS && sinceMs(since, now) >= settleMs;
}

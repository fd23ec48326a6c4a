import type { JobRecord } from '../api/answers.js';
import { formatCount } from '../ui/format.js';

/** A wait without an end is stored with the longest that there is. */
const ENDLESS_MS = 365 * 24 * 3_600_000;

/** When a job goes on by itself, if it does. */
export function goesOnAt({ nextRunAt, updatedAt, waitsFor }: JobRecord): string | undefined {
  if (nextRunAt === undefined || waitsFor === undefined) return nextRunAt;
  return Date.parse(nextRunAt) - Date.parse(updatedAt) < ENDLESS_MS ? nextRunAt : undefined;
}

/** How many children a waiting job waits for, and whether the first that fails is enough. */
export function awaitedChildren({ waitsFor }: JobRecord): { count: number; isFailFast: boolean } {
  const groups = waitsFor?.groups ?? [];
  const count = groups.reduce((sum, { of }) => sum + of, 0);
  return { count, isFailFast: groups.some(({ failFast }) => failFast) };
}

/** The names of the signals that a waiting job waits for, each once. */
export function awaitedSignals({ waitsFor }: JobRecord): string[] {
  return [...new Set((waitsFor?.signals ?? []).map(({ name }) => name))];
}

/** `for the signal approved`, `for 3 children`; empty of a job that waits for a time alone. */
export function waitText(job: JobRecord): string {
  const signals = awaitedSignals(job);
  const { count } = awaitedChildren(job);
  const parts = [
    signals.length > 0 && `for the signal ${signals.join(', ')}`,
    count > 0 && `for ${formatCount(count)} ${count === 1 ? 'child' : 'children'}`,
  ];
  return parts.filter(Boolean).join(' and ');
}

import { invalidOption } from './errors.js';
import { excerptOf } from './excerpt.js';
import { MAX_DELAY_MS } from './limits.js';
import { checkInteger, checkNumber } from './numbers.js';
import { assertOptions } from './options.js';
import { type JobPriority, PRIORITIES } from './vocabulary.js';

/**
 * Which of the waiting jobs of a type a free slot gets.
 *
 * - `strict`: the highest priority first, and of one priority the oldest.
 * - `aging`: the same, but a job that has waited for `maxWaitMs` goes before all that came after it. So it waits at most that much
 *   longer than it would in one queue for all priorities.
 * - `weighted`: while all priorities wait, each gets a share of the slots by its weight, from 1 to 1,000. Weights default to 8, 4, 2
 *   and 1 from `critical` down.
 */
export type PriorityPolicy =
  | 'strict'
  | { aging: { maxWaitMs: number } }
  | { weighted: Partial<Record<JobPriority, number>> };

export const DEFAULT_WEIGHTS: Readonly<Record<JobPriority, number>> = {
  critical: 8,
  high: 4,
  normal: 2,
  low: 1,
};
const MAX_WEIGHT = 1_000;

/** A copy with all weights. @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkedPolicy(name: string, policy: PriorityPolicy): PriorityPolicy {
  if (policy === 'strict') return policy;
  const { aging, weighted, ...others } = Object(policy) as { aging?: unknown; weighted?: unknown };
  if ((aging === undefined) === (weighted === undefined) || Object.keys(others).length > 0) {
    throw invalidOption(
      `${name} must be strict, { aging: { maxWaitMs } } or { weighted: { critical, high, normal, low } }, got ${excerptOf(policy)}`,
    );
  }
  if (aging !== undefined) {
    const given = aging as { maxWaitMs: number };
    assertOptions(`${name}.aging`, given, { maxWaitMs: true });
    checkNumber(`${name}.aging.maxWaitMs`, given.maxWaitMs ?? null, 100, MAX_DELAY_MS);
    return { aging: { maxWaitMs: given.maxWaitMs } };
  }
  const given = weighted as Partial<Record<JobPriority, number>>;
  assertOptions(`${name}.weighted`, given, DEFAULT_WEIGHTS);
  for (const priority of PRIORITIES)
    checkInteger(`${name}.weighted.${priority}`, given[priority], 1, MAX_WEIGHT);
  const weights = PRIORITIES.map((priority) => [priority, given[priority] ?? DEFAULT_WEIGHTS[priority]]);
  return { weighted: Object.fromEntries(weights) as Record<JobPriority, number> };
}

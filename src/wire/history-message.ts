/** The messages of HISTORY: what became of jobs in one minute. */

import { isCount, isTime } from '../jobs/guards.js';
import { isSparseCounts, type SparseCounts } from '../jobs/log-histogram.js';
import { type Depth, DIMENSIONS, type Dimension } from '../jobs/stats-history.js';
import type { Subjects } from './subjects.js';
import { type Any, part } from './token.js';

/** `history.20261130T1708`: what became of jobs in that minute; `ANY` for all. */
export function historySubject({ prefix }: Subjects, minute: string | Any): string {
  return `${prefix}history.${part(minute)}`;
}

/** Of some jobs in one minute. */
export interface StoredTally {
  /** Jobs whose first attempt began. */
  started: number;
  completed: number;
  /** Jobs that ended FAILED, those that were cancelled left out. */
  failed: number;
  cancelled: number;
  /** Attempts that failed, with another one to come. */
  retried: number;
  /** How long jobs waited for their attempts, and how long they ran; see `LogHistogram`. */
  wait: SparseCounts;
  run: SparseCounts;
}

/** The tallies of the values of one dimension. What had no room is in `other`. */
export interface StoredBreakdown {
  values: Record<string, StoredTally>;
  other?: StoredTally;
}

export interface StoredMinute extends Record<Dimension, StoredBreakdown> {
  v: 1;
  /** When the minute begins, ISO 8601. */
  at: string;
  /** When EVENTS was made: sequences count in that stream alone. */
  events: string;
  /** The first event that is in no minute yet. */
  nextSeq: number;
  all: StoredTally;
  /** Failures by the code of their error; what had no room is in `''`. */
  errors: Record<string, number>;
  depth?: Depth;
}

export function encodeMinute(minute: StoredMinute): string {
  return JSON.stringify(minute);
}

/** Undefined for what is no minute. */
export function decodeMinute(data: Uint8Array): StoredMinute | undefined {
  let value: Partial<StoredMinute> | null;
  try {
    value = JSON.parse(new TextDecoder().decode(data));
  } catch {
    return undefined;
  }
  if (value?.v !== 1 || typeof value.events !== 'string' || !isCount(value.nextSeq)) return undefined;
  if (!isTime(value.at)) return undefined;
  if (!isTally(value.all) || !isCounts(value.errors) || !isDepth(value.depth)) return undefined;
  if (!DIMENSIONS.every((dimension) => isBreakdown(value[dimension]))) return undefined;
  return value as StoredMinute;
}

function isCounts(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.values(value).every(isCount);
}

function isTally(value: unknown): boolean {
  const { started, completed, failed, cancelled, retried, wait, run } = (value ?? {}) as Partial<StoredTally>;
  return (
    [started, completed, failed, cancelled, retried].every(isCount) &&
    isSparseCounts(wait) &&
    isSparseCounts(run)
  );
}

function isBreakdown(value: unknown): boolean {
  const { values, other } = (value ?? {}) as Partial<StoredBreakdown>;
  if (typeof values !== 'object' || values === null) return false;
  return Object.values(values).every(isTally) && (other === undefined || isTally(other));
}

function isDepth(value: unknown): boolean {
  return value === undefined || isCounts(value);
}

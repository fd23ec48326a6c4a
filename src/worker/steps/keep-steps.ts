/** What a worker is asked to keep of the steps of its jobs' state machines. */
import type { InspectionEvent } from 'xstate';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { assertOptions } from '../../jobs/options.js';
import type { JobState } from '../../jobs/vocabulary.js';

/**
 * - `failed`: of each attempt that failed, also where the job is tried again. Of a function nothing: it has no machine of its own
 * - `watched`: of each attempt during which somebody watched this very job, on its page or by `watchMachines`
 * - `all`: of each attempt, of a function as well, which then takes the longer way through its machine
 */
export type KeepSteps = 'failed' | 'watched' | 'all';

/** What the owner of a worker asks for. */
export interface InspectOptions {
  /** Of which attempts the steps are stored with the job. Defaults to `['failed', 'watched']`; `[]` for none. */
  keep?: KeepSteps | readonly KeepSteps[];
  /** Sees every step of every state machine (XState's inspection events). What it throws is logged. */
  observe?: (event: InspectionEvent) => void;
}

const KEEPS = { failed: true, watched: true, all: true } as const;
const DEFAULT_KEEP: readonly KeepSteps[] = ['failed', 'watched'];

/** The same, checked. */
export interface CheckedInspect {
  keep: ReadonlySet<KeepSteps>;
  observe?: (event: InspectionEvent) => void;
}

/** The `inspect` of a worker. @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkInspect(inspect: unknown): CheckedInspect {
  if (typeof inspect === 'function')
    return { keep: new Set(DEFAULT_KEEP), observe: inspect as (event: InspectionEvent) => void };
  const options = (inspect ?? {}) as InspectOptions;
  assertOptions('inspect', options, { keep: true, observe: true });
  const { keep = DEFAULT_KEEP, observe } = options;
  if (observe !== undefined && typeof observe !== 'function')
    throw invalidOption(`inspect.observe must be a function, got ${excerptOf(observe)}`);
  const kept = typeof keep === 'string' ? [keep] : keep;
  if (!Array.isArray(kept) || !kept.every((each) => Object.hasOwn(KEEPS, String(each))))
    throw invalidOption(
      `inspect.keep must be failed, watched, all or a list of these, got ${excerptOf(keep)}`,
    );
  return { keep: new Set(kept), ...(observe && { observe }) };
}

const FAILED: ReadonlySet<string> = new Set(['retrying', 'exhausted', 'rejected', 'timed_out', 'cancelled']);

/** Whether the steps of an attempt are stored that led to `state`. */
export function keepsSteps(keep: ReadonlySet<KeepSteps>, state: JobState, isAskedFor: boolean): boolean {
  return keep.has('all') || (isAskedFor && keep.has('watched')) || (FAILED.has(state) && keep.has('failed'));
}

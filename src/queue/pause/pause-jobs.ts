/** Pausing and resuming jobs by type, by priority, or all. */
import type { Broker } from '../../broker/broker.js';
import { untilNoConflict } from '../../broker/retry.js';
import { defined } from '../../jobs/defined.js';
import { invalidOption } from '../../jobs/errors.js';
import { MAX_DELAY_MS } from '../../jobs/limits.js';
import { checkedTime, checkInteger } from '../../jobs/numbers.js';
import { assertOptions, checkName, type OptionNames } from '../../jobs/options.js';
import { assertJobType, assertPriority } from '../../jobs/validation.js';
import { isActive, isWithin, type Pause, type PauseChange, type PauseScope } from '../../wire/pauses.js';

export interface PauseOptions extends PauseScope {
  /** How long, in milliseconds: 1 to 366 days. Defaults to until somebody resumes. */
  forMs?: number;
  /** Until when, at most 366 days away: instead of `forMs`. */
  until?: Date | string;
  /** Why, up to 200 characters: shown wherever the pause is. */
  reason?: string;
  /** Who pauses: a name for people to read. */
  by?: string;
}

export interface ResumeOptions extends PauseScope {
  /** Who resumes. */
  by?: string;
}

/** What {@link resumeJobs} has done. */
export interface Resumed {
  /** The pauses that it has ended. */
  resumed: Pause[];
  /** Wider pauses, which still hold some of these jobs. */
  stillPaused: Pause[];
}

const SCOPE: OptionNames<Required<PauseScope>> = { type: true, priority: true };
export const PAUSE_OPTIONS: OptionNames<Required<PauseOptions>> = {
  ...SCOPE,
  forMs: true,
  until: true,
  reason: true,
  by: true,
};
export const RESUME_OPTIONS: OptionNames<Required<ResumeOptions>> = { ...SCOPE, by: true };

/** So many fit into one message many times over. */
const MAX_PAUSES = 1_000;

/** @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_PRIORITY_INVALID` */
export function checkScope({ type, priority }: PauseScope): void {
  if (type !== undefined) assertJobType(type);
  if (priority !== undefined) assertPriority(priority);
}

/** @throws ValidationError for options that cannot be used, before anything is written */
export function checkPause(options: PauseOptions): void {
  assertOptions('options', options, PAUSE_OPTIONS);
  checkScope(options);
  checkName('reason', options.reason);
  checkName('by', options.by);
  checkInteger('forMs', options.forMs, 1, MAX_DELAY_MS);
  if (options.until !== undefined) checkedTime('until', options.until);
  if (options.forMs !== undefined && options.until !== undefined)
    throw invalidOption('forMs and until exclude each other; give one');
}

/** @throws ValidationError for options that cannot be used */
export function checkResume(options: ResumeOptions): void {
  assertOptions('options', options, RESUME_OPTIONS);
  checkScope(options);
  checkName('by', options.by);
}

/** Pauses jobs; a pause of the same scope is replaced. */
export async function pauseJobs(broker: Broker, options: PauseOptions): Promise<Pause> {
  const { type, priority, reason, by } = options;
  const { pauses } = broker.topology;
  const scope = defined({ type, priority });
  return untilNoConflict(async () => {
    const { seq, pauses: before } = await pauses.read();
    const nowMs = broker.clock.now();
    const at = new Date(nowMs).toISOString();
    const until = endOf(options, nowMs);
    const pause: Pause = { ...scope, since: at, ...defined({ until, reason, by }) };
    const others = before.filter((each) => isActive(each, nowMs) && !isSameScope(each, scope));
    if (others.length >= MAX_PAUSES) throw invalidOption(`${MAX_PAUSES} pauses are the most; resume some`);
    const change: PauseChange = { action: 'pause', ...scope, at, ...defined({ by, reason }) };
    await pauses.write({ v: 1, pauses: [...others, pause], change }, seq);
    await pauses.hold();
    return pause;
  });
}

/** Ends the pause of a scope, and those of its parts. */
export async function resumeJobs(broker: Broker, { type, priority, by }: ResumeOptions): Promise<Resumed> {
  const { pauses } = broker.topology;
  const scope = defined({ type, priority });
  return untilNoConflict(async () => {
    const { seq, pauses: before } = await pauses.read();
    const nowMs = broker.clock.now();
    const active = before.filter((each) => isActive(each, nowMs));
    const resumed = active.filter((each) => isWithin(each, scope));
    const left = active.filter((each) => !isWithin(each, scope));
    if (resumed.length > 0) {
      const at = new Date(nowMs).toISOString();
      const change: PauseChange = { action: 'resume', ...scope, at, ...defined({ by }) };
      await pauses.write({ v: 1, pauses: left, change }, seq);
    }
    // Also where nothing is paused: a call that failed half way is completed by the next one.
    if (seq > 0) await pauses.hold();
    return { resumed, stillPaused: left.filter((each) => isWithin(scope, each)) };
  });
}

/** The pauses that hold now, oldest first; none for a user who may not know them. */
export async function readPauses({ topology, clock }: Broker): Promise<Pause[]> {
  const { pauses } = await topology.pauses.readIfAllowed();
  return pauses.filter((each) => isActive(each, clock.now()));
}

function endOf({ forMs, until }: PauseOptions, nowMs: number): string | undefined {
  if (forMs !== undefined) return new Date(nowMs + forMs).toISOString();
  if (until === undefined) return undefined;
  const endMs = checkedTime('until', until);
  if (endMs <= nowMs) throw invalidOption(`until ${JSON.stringify(until)} is in the past`);
  if (endMs - nowMs > MAX_DELAY_MS)
    throw invalidOption(
      `until ${JSON.stringify(until)} is more than 366 days away; leave it out to pause until somebody resumes`,
    );
  return new Date(endMs).toISOString();
}

function isSameScope(one: PauseScope, other: PauseScope): boolean {
  return one.type === other.type && one.priority === other.priority;
}

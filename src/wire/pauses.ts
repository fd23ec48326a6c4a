/** What is paused, as the message on `control.pauses` says it. One message holds every pause, and the one before is its past. */
import { isTime } from '../jobs/guards.js';
import { isJobType, isPriority, type JobPriority } from '../jobs/vocabulary.js';

/** Which jobs a pause covers: those of a type, of a priority, of both, or, without either, all. */
export interface PauseScope {
  type?: string;
  priority?: JobPriority;
}

/** Jobs that do not start for a while. Times are ISO 8601. */
export interface Pause extends PauseScope {
  since: string;
  /** When it ends by itself; absent for one that somebody has to end. */
  until?: string;
  reason?: string;
  /** Who has paused, where that is known. */
  by?: string;
}

/** What somebody has done, kept beside what it led to. */
export interface PauseChange extends PauseScope {
  action: 'pause' | 'resume';
  at: string;
  by?: string;
  reason?: string;
}

/** Every pause, in the order in which they began, also those whose time is over. */
export interface PauseList {
  v: 1;
  pauses: Pause[];
  change?: PauseChange;
}

/** A consumer that nobody resumes: the server takes no time later than 2262. */
const FOREVER_MS = Date.UTC(2200, 0);

export function encodePauses(list: PauseList): string {
  return JSON.stringify(list);
}

/** Reads a list; what is no pause is passed over, and what is no list is an empty one. */
export function decodePauses(data: Uint8Array): Pause[] {
  let list: Partial<PauseList> | null;
  try {
    list = JSON.parse(new TextDecoder().decode(data)) as Partial<PauseList> | null;
  } catch {
    return [];
  }
  return Array.isArray(list?.pauses) ? list.pauses.filter(isPause) : [];
}

function isPause(value: unknown): value is Pause {
  const pause = value as Partial<Pause> | null;
  return (
    typeof pause === 'object' &&
    pause !== null &&
    (pause.type === undefined || isJobType(pause.type)) &&
    (pause.priority === undefined || isPriority(pause.priority)) &&
    isTime(pause.since) &&
    (pause.until === undefined || isTime(pause.until)) &&
    [pause.reason, pause.by].every((text) => text === undefined || typeof text === 'string')
  );
}

/** Whether all jobs of one scope are among those of the other. */
export function isWithin(inner: PauseScope, outer: PauseScope): boolean {
  return (
    (outer.type === undefined || outer.type === inner.type) &&
    (outer.priority === undefined || outer.priority === inner.priority)
  );
}

export function isActive({ until }: Pause, nowMs: number): boolean {
  return until === undefined || Date.parse(until) > nowMs;
}

/** When the last pause of a type's jobs of a priority ends, ms since the epoch; undefined when none covers them. */
export function pausedUntil(pauses: readonly Pause[], scope: Required<PauseScope>): number | undefined {
  const ends = pauses
    .filter((pause) => isWithin(scope, pause))
    .map(({ until }) => (until === undefined ? FOREVER_MS : Date.parse(until)));
  return ends.length === 0 ? undefined : Math.max(...ends);
}

/** A scope in words: `create_instance of priority low`. */
export function scopeText({ type, priority }: PauseScope): string {
  if (priority === undefined) return type ?? 'all jobs';
  return `${type ?? 'all jobs'} of priority ${priority}`;
}

/** Until when, why and by whom, in words. */
export function pauseText({ until, reason, by, since }: Pause): string {
  const why = reason === undefined ? '' : `: ${reason}`;
  const who = by === undefined ? '' : ` by ${by}`;
  return `paused since ${since}${who}, until ${until ?? 'somebody resumes'}${why}`;
}

/**
 * Where recurring schedules are. A place is what follows `schedules.<kind>.` in the subject: `cron.<name>`, and `<name>` of one that
 * somebody has put beside the delayed jobs.
 */
import type { WorkKind } from '../jobs/vocabulary.js';
import { type Subjects, WORK_KINDS } from './subjects.js';

const PLACE = /^(cron\.)?[A-Za-z0-9_-]{1,128}$/;

export interface SchedulePlace {
  kind: WorkKind;
  place: string;
}

export function isPlace(place: string): boolean {
  return PLACE.test(place);
}

/** The place of a schedule that {@link Subjects} names `schedules.<kind>.<place>`, or undefined for any other subject. */
export function placeOf({ prefix }: Subjects, subject: string): SchedulePlace | undefined {
  for (const kind of WORK_KINDS) {
    const root = `${prefix}schedules.${kind}.`;
    const place = subject.startsWith(root) ? subject.slice(root.length) : '';
    if (isPlace(place)) return { kind, place };
  }
  return undefined;
}

/** Where a name may be: first where {@link Subjects} has schedules, then beside the delayed jobs. */
export function placesOf(name: string): string[] {
  return [`cron.${name}`, name];
}

export function nameOf(place: string): string {
  return place.replace(/^cron\./, '');
}

export function scheduleSubject({ prefix }: Subjects, { kind, place }: SchedulePlace): string {
  return `${prefix}schedules.${kind}.${place}`;
}

/** `schedules.<kind>.ticks.<place>`: what became of the last ticks of a schedule. */
export function ticksSubject({ prefix }: Subjects, { kind, place }: SchedulePlace): string {
  return `${prefix}schedules.${kind}.ticks.${place}`;
}

/** Those of all schedules. */
export function ticksFilters({ prefix }: Subjects, kind: WorkKind): string[] {
  return ['*', 'cron.*'].map((each) => `${prefix}schedules.${kind}.ticks.${each}`);
}

/** Whose ticks a subject is about, or undefined for any other subject. */
export function placeOfTicks({ prefix }: Subjects, subject: string): SchedulePlace | undefined {
  for (const kind of WORK_KINDS) {
    const root = `${prefix}schedules.${kind}.ticks.`;
    const place = subject.startsWith(root) ? subject.slice(root.length) : '';
    if (isPlace(place)) return { kind, place };
  }
  return undefined;
}

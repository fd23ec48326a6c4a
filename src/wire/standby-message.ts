/** The copy of a timer at a standby site. It is wrapped: a message with the headers of a timer would be one. */
import type { Subjects } from './subjects.js';
import { type Any, hashToken, part } from './token.js';

export interface StandbyTimer {
  /** Where the timer is at its origin, and is set again. */
  subject: string;
  /** Its sequence there. */
  seq: number;
  headers: [name: string, value: string][];
  /** In base64. */
  data: string;
}

/** `standby.timers.<token>`; `ANY` for all. */
export function standbySubject({ prefix }: Subjects, token: string | Any): string {
  return `${prefix}standby.timers.${part(token)}`;
}

/** Where the copy of a timer is. */
export function copySubject(subjects: Subjects, timerSubject: string): string {
  return standbySubject(subjects, hashToken(timerSubject));
}

export function encodeStandbyTimer(timer: StandbyTimer): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(timer));
}

/** @throws SyntaxError for what is no JSON */
export function decodeStandbyTimer(data: Uint8Array): StandbyTimer {
  return JSON.parse(new TextDecoder().decode(data)) as StandbyTimer;
}

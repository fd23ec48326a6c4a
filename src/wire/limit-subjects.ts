/** The subjects of limits: permits and settings in LIMITS, and the jobs in line for a permit in TIMERS. */
import type { Subjects, TimerAddress } from './subjects.js';
import { ANY, type Any, hashToken, part } from './token.js';

/** A job in the line for a permit; each part may be `ANY`. */
export interface LineAddress extends TimerAddress {
  /** The limit and its key. */
  limit: string | Any;
  key: string | Any;
  /** Whose turn it takes. */
  turn: string | Any;
}

/** `schedules.jobs.limited.<limit>.<key>.<priority>.<turn>.<type>.<id>`: a job that waits for a permit. */
export function lineSubject(
  { prefix }: Pick<Subjects, 'prefix'>,
  { kind, limit, key, priority, turn, type, id }: LineAddress,
): string {
  const line = `${limitPart(limit)}.${limitPart(key)}.${part(priority)}.${limitPart(turn)}`;
  return `${prefix}schedules.${part(kind)}.limited.${line}.${part(type)}.${part(id)}`;
}

/** The id of the job of such a subject, or undefined when it is none. */
export function lineId(subjects: Subjects, subject: string): string | undefined {
  const [root, , reason, , , , , , id, ...rest] = subjects.tokensOf(subject);
  return root === 'schedules' && reason === 'limited' && rest.length === 0 ? id : undefined;
}

/** `limits.held.<limit>.<key>`: the permits of a key; each may be `ANY`. */
export function permitsSubject(
  { prefix }: Pick<Subjects, 'prefix'>,
  limit: string | Any,
  key: string | Any,
): string {
  return `${prefix}limits.held.${limitPart(limit)}.${limitPart(key)}`;
}

/** `limits.set.<limit>`: what somebody has set for a limit, in place of what its workers say. */
export function limitSettingsSubject({ prefix }: Pick<Subjects, 'prefix'>, limit: string | Any): string {
  return `${prefix}limits.set.${limitPart(limit)}`;
}

/** `jetfleet.limits`: tells whoever waits for a permit, or goes by a limit, that something of it has changed, without being stored. */
export function limitsChangedSubject({ prefix }: Pick<Subjects, 'prefix'>): string {
  return `${prefix}jetfleet.limits`;
}

const PLAIN = /^[A-Za-z0-9_-]{1,100}$/;

/** A name or a key as one token of a subject: itself where it can be one, else what can be read of it with a hash. */
function limitPart(text: string | Any): string {
  if (text === ANY || PLAIN.test(text)) return part(text);
  return `${text.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 60)}~${hashToken(text)}`;
}

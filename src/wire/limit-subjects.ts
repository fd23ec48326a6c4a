/** The subjects of limits: permits and settings in LIMITS, and the jobs in line for a permit in TIMERS. */
import type { Subjects, TimerAddress } from './subjects.js';
import { type Any, part } from './token.js';

/** A job in the line for a permit; each part may be `ANY`. */
export interface LineAddress extends TimerAddress {
  /** The limit and its key, as `limitToken` spells them. */
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
  const line = `${part(limit)}.${part(key)}.${part(priority)}.${part(turn)}`;
  return `${prefix}schedules.${part(kind)}.limited.${line}.${part(type)}.${part(id)}`;
}

export interface InLineAt {
  limit: string;
  key: string;
  priority: string;
  turn: string;
  id: string;
}

/** The parts of such a subject, or undefined when it is none. */
export function parseLine(subjects: Subjects, subject: string): InLineAt | undefined {
  const [root, , reason, limit, key, priority, turn, , id, ...rest] = subjects.tokensOf(subject);
  if (root !== 'schedules' || reason !== 'limited' || id === undefined || rest.length > 0) return undefined;
  return { limit, key, priority, turn, id } as InLineAt;
}

/** `limits.held.<limit>.<key>`: the permits of a key; each may be `ANY`. */
export function permitsSubject(
  { prefix }: Pick<Subjects, 'prefix'>,
  limit: string | Any,
  key: string | Any,
): string {
  return `${prefix}limits.held.${part(limit)}.${part(key)}`;
}

/** `limits.set.<limit>`: what somebody has set for a limit, in place of what its workers say. */
export function limitSettingsSubject({ prefix }: Pick<Subjects, 'prefix'>, limit: string | Any): string {
  return `${prefix}limits.set.${part(limit)}`;
}

/** `jetfleet.limits`: tells whoever waits for a permit, or goes by a limit, that something of it has changed, without being stored. */
export function limitsChangedSubject({ prefix }: Pick<Subjects, 'prefix'>): string {
  return `${prefix}jetfleet.limits`;
}

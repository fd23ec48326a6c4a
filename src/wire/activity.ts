/** What a handler reports while it runs: the subjects and the messages of ACTIVITY. */

import { isSealed } from '../jobs/codec.js';
import { isCount } from '../jobs/guards.js';
import { isJobId } from '../jobs/job-id.js';
import type { Sealer } from './sealer.js';
import type { Subjects } from './subjects.js';
import { type Any, part } from './token.js';

/** `progress` keeps how far the job is, `log` its lines, `chunk` the parts of its result. */
export const ACTIVITY_KINDS = ['progress', 'log', 'chunk'] as const;
export type ActivityKind = (typeof ACTIVITY_KINDS)[number];

/**
 * One write of a handler's reports, on `activity.<kind>.<job id>`. Each is stored behind the one before by the expected last sequence of
 * its subject, so that of two workers one alone goes on.
 */
export interface ActivityMessage {
  v: 1;
  /** When the job was created: an id may be used again once its job is removed. */
  of: string;
  /** How often the job had been taken out of the dead letters. */
  redrives: number;
  attempt: number;
  /** Sequence of the job's last event as its worker knew it: that of a later owner of the job is higher. */
  fence: number;
  /** The number of the first item: lines count from 0 over all attempts, chunks from 0 in each. */
  first: number;
  /** When it was written, ms since the epoch by the broker's clock. */
  at: number;
  /** Values of progress and chunks as they were given, log lines as `[ms since the epoch, text]`. */
  items: unknown[];
  /** What the subject holds with this message. */
  kept: { items: number; bytes: number };
}

/** Every subject. */
export function activityFilter({ prefix }: Subjects): string {
  return `${prefix}activity.*.*`;
}

/** `activity.<kind>.<job id>`. */
export function activitySubject({ prefix }: Subjects, kind: ActivityKind | Any, id: string): string {
  if (!isJobId(id)) throw new TypeError('an id that is none');
  return `${prefix}activity.${part(kind)}.${id}`;
}

/** The job that a subject is of, or undefined for another one. */
export function jobOfActivity(subjects: Subjects, subject: string): string | undefined {
  const [root, , id = '', ...rest] = subjects.tokensOf(subject);
  return root === 'activity' && rest.length === 0 && isJobId(id) ? id : undefined;
}

const decoder = new TextDecoder();
const OF_REPORTS = { type: '', field: 'report' } as const;

/** Reads a message; undefined for one that no worker of Jetfleet has written. */
export function decodeActivity(data: Uint8Array, sealer?: Sealer): ActivityMessage | undefined {
  let value: Partial<ActivityMessage> | null;
  try {
    value = JSON.parse(decoder.decode(data));
  } catch {
    return undefined;
  }
  const numbers = [value?.redrives, value?.attempt, value?.fence, value?.first, value?.at];
  const { items, bytes } = Object(value?.kept) as Partial<ActivityMessage['kept']>;
  const isWhole =
    value?.v === 1 &&
    typeof value.of === 'string' &&
    Array.isArray(value.items) &&
    [...numbers, items, bytes].every(isCount);
  if (!isWhole) return undefined;
  return sealer ? opened(value as ActivityMessage, sealer) : (value as ActivityMessage);
}

/** All items of a message are sealed together. */
export function sealItems(items: string, sealer: Sealer): string {
  const sealed = sealer.seals ? sealer.sealText(items, OF_REPORTS) : items;
  return sealed.startsWith('[') ? sealed : `[${sealed}]`;
}

function opened(message: ActivityMessage, sealer: Sealer): ActivityMessage {
  const [only] = message.items;
  if (message.items.length !== 1 || !isSealed(only)) return message;
  const items = sealer.openIfCan(only, OF_REPORTS);
  return Array.isArray(items) ? { ...message, items } : message;
}

/** What LIMITS holds of a key: its permits, and who waits for one. One message, so that each change of it is fenced. */
import { checkedSettings, type LimitSettings, type NeededPermit, parseLimitName } from '../jobs/limit.js';
import { PRIORITIES } from '../jobs/vocabulary.js';

/** A permit that is held, or given to a job on its way to a worker. Times are milliseconds since the epoch, by the broker's clock. */
export interface HeldPermit {
  /** Whose it is: a job's id, or that with a number for a call inside its handler. */
  owner: string;
  job: string;
  worker: string;
  /** Of the run that holds it: an older run of the job can give back no permit of a later one. */
  run: string;
  since: number;
  /** It is free again after this time, unless it is renewed. */
  until: number;
  /** It was given, and its job has not yet come for it. With a rate, the job may start at this time. */
  given?: number;
}

/** Jobs in line that take turns as one. */
export interface WaitingGroup {
  /** Whose turn it is, in plain text. */
  turn: string;
  /** How many wait, by priority, the highest first. */
  counts: number[];
  /** When it is its turn, in turns given; the lowest comes next. */
  place: number;
  weight: number;
}

/** A handler that waits inside a call of `job.limit`. */
export interface LiveWaiter extends Omit<HeldPermit, 'given'> {
  priority: number;
  turn: string;
}

export interface Ledger extends LimitSettings {
  v: 1;
  /** Another one for each write, so that a writer without an answer knows its own. */
  write: string;
  name: string;
  key: string;
  held: HeldPermit[];
  /** How many started when, oldest first; of a rate. */
  starts: [atMs: number, count: number][];
  /** Nobody starts until then, as a provider has asked. */
  closedUntil?: number;
  /** One permit at a time, until somebody says that the key may be used again. */
  onTrial?: boolean;
  waiting: WaitingGroup[];
  live: LiveWaiter[];
  /** Turns given so far. */
  turns: number;
  /** How often somebody has left the line: while it stays, whoever was first in line is so. */
  left?: number;
  /** The sequence of the setting that its numbers are of: who knows only an older one says nothing of them. */
  setAt?: number;
}

export function emptyLedger(name: string, key: string): Ledger {
  return { v: 1, write: '', name, key, held: [], starts: [], waiting: [], live: [], turns: 0 };
}

export function encodeLedger(ledger: Ledger): string {
  return JSON.stringify(ledger);
}

const decoder = new TextDecoder();

/** @returns undefined for what is no ledger of this name and key */
export function decodeLedger(data: Uint8Array): Ledger | undefined {
  try {
    const ledger = JSON.parse(decoder.decode(data)) as Ledger;
    const { name, key } = parseLimitName(`${ledger.name}:${ledger.key}`);
    const isWhole =
      ledger.v === 1 &&
      areAll(ledger.held, isHeld) &&
      areAll(
        ledger.live,
        (waiter) => isHeld(waiter) && Number.isInteger(waiter.priority) && isText(waiter.turn),
      ) &&
      areAll(
        ledger.starts,
        (start) => Array.isArray(start) && start.length === 2 && start.every(Number.isFinite),
      ) &&
      areAll(ledger.waiting, isGroup) &&
      Number.isFinite(ledger.turns) &&
      (ledger.onTrial === undefined || typeof ledger.onTrial === 'boolean') &&
      [ledger.closedUntil, ledger.left, ledger.setAt].every(
        (each) => each === undefined || Number.isFinite(each),
      );
    if (!isWhole) return undefined;
    const settings =
      ledger.concurrency === undefined && ledger.rate === undefined ? {} : checkedSettings(name, ledger);
    const { concurrency: _, rate: __, ...rest } = ledger;
    return { ...rest, ...settings, name, key };
  } catch {
    return undefined;
  }
}

function isHeld(permit: Partial<HeldPermit>): boolean {
  const { owner, job, worker, run, since, until, given } = permit;
  const areTexts = [owner, job, worker, run].every(isText);
  return (
    areTexts &&
    Number.isFinite(since) &&
    Number.isFinite(until) &&
    (given === undefined || Number.isFinite(given))
  );
}

function isGroup({ turn, counts, place, weight }: Partial<WaitingGroup>): boolean {
  const isCounted =
    Array.isArray(counts) && counts.length === PRIORITIES.length && counts.every(Number.isInteger);
  return isText(turn) && isCounted && Number.isFinite(place) && Number(weight) > 0;
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}

function areAll<T>(list: T[] | undefined, is: (each: T) => boolean): boolean {
  return Array.isArray(list) && list.every((each) => typeof each === 'object' && each !== null && is(each));
}

/** The permits that a job in line needs, as its timer carries them. */
export function encodeNeeds(needs: readonly NeededPermit[]): string {
  return JSON.stringify(needs).replaceAll(
    /[^\x20-\x7e]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export function decodeNeeds(text: string): NeededPermit[] {
  try {
    return (JSON.parse(text) as NeededPermit[]).map((need) => ({
      ...parseLimitName(`${need.name}:${need.key}`),
      ...checkedSettings(need.name, need),
    }));
  } catch {
    return [];
  }
}

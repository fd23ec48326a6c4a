/** When jobs run: not before their time, and at once where somebody handed them back. */
import type { Evidence, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';
import { LONG_ACK_WAIT_MS } from './plan.js';

/** The broker stores a time in milliseconds, and a worker knows the broker's clock no better than this. */
const CLOCK_TOLERANCE_MS = 250;
/** A record is stored a while after it was made, as when the broker is away. */
const SLOW_WRITE_MS = 15_000;
/** A job that waits this long for a worker with free slots was forgotten. */
const FORGOTTEN_MS = 5_000;
/** Messages that a job may write into a work stream for each of its records: its timer, and what the timer fires. */
const MESSAGES_A_RECORD = 2;
const SPARE_MESSAGES = 100;

export function timeViolations(evidence: Evidence): Violation[] {
  const { histories, plan } = evidence;
  const isUnhurried = plan.ackWaitMs === LONG_ACK_WAIT_MS;
  return [
    ...[...histories.values()].flatMap(early),
    ...[...histories.values()].flat().flatMap(misdated),
    ...(isUnhurried ? handedBack(evidence).flatMap(heldUp) : []),
    ...flooded(evidence),
  ];
}

/** Each record of a job and the one that follows it. */
function stepsOf(history: readonly StoredRecord[]): [before: StoredRecord, after: StoredRecord][] {
  return history.slice(1).map((after, index) => [history[index] as StoredRecord, after]);
}

function early(history: readonly StoredRecord[]): Violation[] {
  return stepsOf(history).flatMap(([before, after]): Violation[] => {
    const dueMs = Date.parse(before.nextRunAt ?? '');
    if (after.state !== 'running' || !(after.storedAtMs < dueMs - CLOCK_TOLERANCE_MS)) return [];
    const detail = `${before.state} until ${before.nextRunAt}, ran ${dueMs - after.storedAtMs} ms before`;
    return [{ kind: 'early', about: after.id, detail }];
  });
}

/** Times on records are the broker's, however wrong the clock of the worker that wrote them. */
function misdated({ id, state, updatedAt, storedAtMs }: StoredRecord): Violation[] {
  const lateMs = storedAtMs - Date.parse(updatedAt);
  if (lateMs > -CLOCK_TOLERANCE_MS && lateMs < SLOW_WRITE_MS) return [];
  return [{ kind: 'clock', about: id, detail: `${state} at ${updatedAt}, stored ${lateMs} ms later` }];
}

interface HandBack {
  id: string;
  waitMs: number;
}

/** How long each job waited that a worker handed back. */
export function handedBack({ histories }: Evidence): HandBack[] {
  return [...histories.values()].flatMap((history) =>
    stepsOf(history)
      .filter(([before, after]) => before.state === 'queued' && after.state === 'running')
      .map(([before, after]) => ({ id: after.id, waitMs: after.storedAtMs - before.storedAtMs })),
  );
}

function heldUp({ id, waitMs }: HandBack): Violation[] {
  if (waitMs < FORGOTTEN_MS) return [];
  return [{ kind: 'held-up', about: id, detail: `handed back, and ran ${waitMs} ms later` }];
}

/** A timer that is set again and again brings its job no further. */
function flooded({ histories, messagesWritten }: Evidence): Violation[] {
  const records = [...histories.values()].reduce((sum, { length }) => sum + length, 0);
  const limit = MESSAGES_A_RECORD * records + SPARE_MESSAGES;
  if (messagesWritten <= limit) return [];
  const detail = `${messagesWritten} messages for ${records} records`;
  return [{ kind: 'flood', about: 'work streams', detail }];
}

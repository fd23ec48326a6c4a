/** When jobs run: not before their time, and at once where somebody handed them back. */
import type { JobRecord } from '../../src/index.js';
import type { Service } from './crew.js';
import type { Evidence, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';
import { LONG_ACK_WAIT_MS } from './plan.js';

/** The broker stores a time in milliseconds, and a worker knows the broker's clock no better than this. */
const CLOCK_TOLERANCE_MS = 250;
/** A record is stored a while after it was made, as when the broker is away. */
const SLOW_WRITE_MS = 15_000;
/** A job that waits this long for a worker with free slots was forgotten. */
const FORGOTTEN_MS = 5_000;
/** Most messages are followed by a claim and an outcome, each by one record at least; some come again after a fault. */
const SPARE_MESSAGES = 20;

export function timeViolations(evidence: Evidence): Violation[] {
  const { histories, plan } = evidence;
  // A write waits for a majority of the servers.
  const frozenMs = plan.faults.map((fault) => ('forMs' in fault ? fault.forMs : 0));
  const slowWriteMs = SLOW_WRITE_MS + Math.max(0, ...frozenMs);
  const isUnhurried = plan.ackWaitMs === LONG_ACK_WAIT_MS;
  return [
    ...[...histories.values()].flatMap(early),
    ...[...histories.values()].flat().flatMap((record) => misdated(record, slowWriteMs)),
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
    // What it waits for may come at any time.
    if (before.waitsFor) return [];
    if (after.state !== 'running' || !(after.storedAtMs < dueMs - CLOCK_TOLERANCE_MS)) return [];
    const detail = `${before.state} until ${before.nextRunAt}, ran ${dueMs - after.storedAtMs} ms before`;
    return [{ kind: 'early', about: after.id, detail }];
  });
}

/** Times on records are the broker's, however wrong the clock of the worker that wrote them. */
function misdated({ id, state, updatedAt, storedAtMs }: StoredRecord, slowWriteMs: number): Violation[] {
  const lateMs = storedAtMs - Date.parse(updatedAt);
  if (lateMs > -CLOCK_TOLERANCE_MS && lateMs < slowWriteMs) return [];
  return [{ kind: 'clock', about: id, detail: `${state} at ${updatedAt}, stored ${lateMs} ms later` }];
}

interface HandBack {
  id: string;
  waitMs: number;
}

/**
 * How long each job waited that a worker handed back, or has waited until now. Only the time counts in which a worker took jobs:
 * while every process is ending or starting, nobody could take it. A worker has slots for all jobs where this is measured.
 */
export function handedBack({ histories, readAtMs, service }: Evidence): HandBack[] {
  return [...histories.values()].flatMap((history) => {
    const waited = stepsOf(history)
      .filter(([before, after]) => before.state === 'queued' && after.state === 'running')
      .map(([before, after]) => ({
        id: after.id,
        waitMs: servedMs(service, before.storedAtMs, after.storedAtMs),
      }));
    const last = history.at(-1);
    if (last?.state !== 'queued') return waited;
    return [...waited, { id: last.id, waitMs: servedMs(service, last.storedAtMs, readAtMs) }];
  });
}

/** For how long between two times at least one worker took jobs. */
function servedMs(service: readonly Service[], fromMs: number, toMs: number): number {
  let served = 0;
  let countedUpTo = fromMs;
  for (const each of service.toSorted((a, b) => a.fromMs - b.fromMs)) {
    const beginMs = Math.max(each.fromMs, countedUpTo);
    const endMs = Math.min(each.untilMs ?? toMs, toMs);
    served += Math.max(0, endMs - beginMs);
    countedUpTo = Math.max(countedUpTo, endMs);
  }
  return served;
}

function heldUp({ id, waitMs }: HandBack): Violation[] {
  if (waitMs < FORGOTTEN_MS) return [];
  return [{ kind: 'held-up', about: id, detail: `handed back, and waited for ${waitMs} ms` }];
}

/** A timer that is set again and again brings its job no further, and neither does a record that only says which message is spent. */
function flooded({ histories, accepted, messagesWritten }: Evidence): Violation[] {
  const isStep = (record: JobRecord, at: number, history: readonly JobRecord[]) =>
    record.state !== history[at - 1]?.state || record.updatedAt !== history[at - 1]?.updatedAt;
  const records = [...histories.values()].flatMap((history) => history.filter(isStep)).length;
  const waiting = accepted.filter((id) => !histories.has(id)).length;
  if (messagesWritten <= records + waiting + SPARE_MESSAGES) return [];
  const detail = `${messagesWritten} messages for ${records} records`;
  return [{ kind: 'flood', about: 'work streams', detail }];
}

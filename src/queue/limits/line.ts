/**
 * The jobs that wait for a permit: each is a timer in TIMERS, on the subject of the key that it waits for, in the order in which they
 * came. The broker keeps them; nothing of them is in the memory of a process. The timer brings a job back that nobody has called.
 */
import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRequest } from '../../jobs/job-record.js';
import type { NeededPermit } from '../../jobs/limit.js';
import { type JobPriority, PRIORITIES } from '../../jobs/vocabulary.js';
import { Header } from '../../wire/headers.js';
import { decodeNeeds, encodeNeeds } from '../../wire/limit-message.js';
import { lineId, lineSubject } from '../../wire/limit-subjects.js';
import { ANY } from '../../wire/subjects.js';
import type { LimitKey } from './ledgers.js';

/** A job in line. */
export interface InLine {
  id: string;
  needs: NeededPermit[];
  message: StoredMessage;
}

export async function enterLine(
  broker: Broker,
  job: JobRequest,
  at: LimitKey & { turn: string },
  needs: readonly NeededPermit[],
  runAtMs: number,
): Promise<void> {
  const line = { limit: at.name, key: at.key, turn: at.turn };
  await broker.jobs.enterLine(job, line, encodeNeeds(needs), runAtMs);
}

/** The first of those that take one turn with one priority. */
export async function firstInLine(
  broker: Broker,
  { name, key }: LimitKey,
  turn: string,
  priority: number,
  count: number,
): Promise<InLine[]> {
  return firstOf(broker, lineOf(broker, { name, key }, turn, PRIORITIES[priority]), count);
}

/** Those of one priority that have waited longest, whose turn it may be. */
export async function oldestInLine(
  broker: Broker,
  at: LimitKey,
  priority: number,
  count: number,
): Promise<InLine[]> {
  return firstOf(broker, lineOf(broker, at, undefined, PRIORITIES[priority]), count);
}

async function firstOf(broker: Broker, filter: string, count: number): Promise<InLine[]> {
  const messages = await broker.read.page(broker.subjects.streamName('timers'), filter, 1, count);
  return messages.flatMap((message) => {
    const id = lineId(broker.subjects, message.subject);
    return id === undefined ? [] : [{ id, needs: decodeNeeds(message.headers.get(Header.LIMITS)), message }];
  });
}

/** A job, if it is in line for a key. */
export async function stillInLine(
  broker: Broker,
  { name, key }: LimitKey,
  id: string,
): Promise<InLine | undefined> {
  const filter = lineSubject(broker.subjects, {
    kind: ANY,
    limit: name,
    key,
    priority: ANY,
    turn: ANY,
    type: ANY,
    id,
  });
  const message = await broker.read.last(broker.subjects.streamName('timers'), filter);
  return message && { id, needs: decodeNeeds(message.headers.get(Header.LIMITS)), message };
}

/** Whether nobody is in a line, as the leader has it: a replica may be behind. */
export async function isLineEmpty(
  broker: Broker,
  at: LimitKey,
  turn: string,
  priority: number,
): Promise<boolean> {
  return (await broker.topology.lastSequence('timers', lineOf(broker, at, turn, PRIORITIES[priority]))) === 0;
}

/** How many wait for a key. */
export function countInLine(broker: Broker, at: LimitKey): Promise<number> {
  return broker.read.count(broker.subjects.streamName('timers'), lineOf(broker, at));
}

/** Has a job run now. Calling it twice brings it twice, of which the worker drops one. */
export async function call(broker: Broker, { message }: InLine): Promise<void> {
  await broker.jobs.callFromLine(message);
}

function lineOf(
  { subjects }: Broker,
  { name, key }: LimitKey,
  turn?: string,
  priority?: JobPriority,
): string {
  return lineSubject(subjects, {
    kind: ANY,
    limit: name,
    key,
    priority: priority ?? ANY,
    turn: turn ?? ANY,
    type: ANY,
    id: ANY,
  });
}

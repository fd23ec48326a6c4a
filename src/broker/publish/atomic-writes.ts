import { setTimeout as delay } from 'node:timers/promises';
import type { StreamMaker } from '../topology/missing-streams.js';
import type { Append } from './commit-options.js';
import { messageOf, type PendingWrite, type PendingWrites } from './pending-writes.js';
import type { UnansweredWrites } from './unanswered-writes.js';
import { conflict, givenUp, noStream, refused } from './write-errors.js';
import type { Answer, WriteSender } from './write-sender.js';

const PAUSE_MS = 100;

/** What it needs of the log of its stream. */
export interface AtomicLog {
  pending: PendingWrites;
  sender: WriteSender;
  streams: StreamMaker;
  /** Why a write must not be sent once more. */
  reasonToEnd: (write: PendingWrite) => Error | undefined;
  unanswered: UnansweredWrites;
  confirmTimeoutMs: number;
}

/**
 * Writes into one stream that are stored together or not at all, each with an expectation of its own (an atomic batch,
 * nats-server ADR-50). They are never sent apart, and not again without an answer: that would be a conflict with themselves.
 * @returns their sequences
 * @throws ConflictError when one of the expectations does not hold; BrokerError `JETFLEET_PUBLISH_TIMEOUT` when it is not known
 *   whether they are stored; and as `append` of a commit log does
 */
export async function appendTogether(log: AtomicLog, appends: readonly Append[]): Promise<number[]> {
  const writes: PendingWrite[] = [];
  let fault: Error | undefined;
  const settled = appends.map(
    (append) =>
      new Promise<number>((resolve, reject) => {
        const write = log.pending.add(append, (outcome) => {
          if (!(outcome instanceof Error)) return resolve(outcome.seq);
          fault ??= outcome;
          reject(outcome);
        });
        if (write) writes.push(write);
      }),
  );
  if (fault) endAll(log, writes, fault);
  else void send(log, writes);
  return Promise.all(settled);
}

async function send(log: AtomicLog, writes: readonly PendingWrite[]): Promise<void> {
  for (;;) {
    const answer = await new Promise<Answer>((resolve) => {
      log.sender.sendBatch(writes.length, (index) => messageOf(writes[index] as PendingWrite), resolve);
    });
    if (answer.kind === 'stored') {
      const before = answer.seq - writes.length;
      for (const [index, write] of writes.entries())
        log.pending.end(write, { seq: before + index + 1, duplicate: false });
      return;
    }
    const fault = await faultIn(log, writes as [PendingWrite], answer);
    if (fault) return endAll(log, writes, fault);
    await delay(PAUSE_MS);
    const late = writes.map(log.reasonToEnd).find((reason) => reason !== undefined);
    if (late) return endAll(log, writes, late);
  }
}

/** Why they fail; undefined where the next try may succeed. */
async function faultIn(
  { streams, reasonToEnd, confirmTimeoutMs, unanswered }: AtomicLog,
  writes: readonly [PendingWrite, ...PendingWrite[]],
  answer: Exclude<Answer, { kind: 'stored' }>,
): Promise<Error | undefined> {
  const [first] = writes;
  const { append } = first;
  switch (answer.kind) {
    case 'busy':
    case 'in process':
      return undefined;
    case 'conflict':
      return conflict(append, answer.description);
    case 'denied':
      return answer.error;
    case 'silent':
      first.maybeStored = true;
      return reasonToEnd(first) ?? givenUp(first, confirmTimeoutMs, unanswered.reason);
    case 'nobody': {
      const state = await streams.make();
      const before = first.nobody;
      first.nobody = state;
      return streams.reasonToGiveUp(() => noStream(append), state, before);
    }
    default:
      return refused(append, answer);
  }
}

function endAll(log: AtomicLog, writes: readonly PendingWrite[], fault: Error): void {
  for (const write of writes) log.pending.end(write, fault);
}

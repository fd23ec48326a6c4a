import { setTimeout as delay } from 'node:timers/promises';
import { BrokerError } from '../../jobs/errors.js';
import { bytesOf } from '../connection/client-internals.js';
import type { StreamMaker } from '../topology/missing-streams.js';
import { type Append, headerLines } from './commit-options.js';
import { conflict, givenUp, noStream, refused } from './write-errors.js';
import type { Answer, WriteSender } from './write-sender.js';

const PAUSE_MS = 100;
const GIVE_UP_MS = 30_000;

/**
 * Writes into one stream that are stored together or not at all, each with an expectation of its own (an atomic batch,
 * nats-server ADR-50). Unlike a commit log it never sends them apart.
 * @returns their sequences
 * @throws ConflictError when one of the expectations does not hold; BrokerError `JETFLEET_PUBLISH_TIMEOUT` when it is not known
 *   whether they are stored, `JETFLEET_PUBLISH_REFUSED`, `JETFLEET_NO_STREAM`
 */
export async function appendTogether(
  sender: WriteSender,
  streams: StreamMaker,
  appends: readonly Append[],
): Promise<number[]> {
  const [first] = appends as [Append];
  const deadlineMs = performance.now() + GIVE_UP_MS;
  const messages = appends.map(({ subject, data, headers = [], expect }) => ({
    subject,
    data,
    lines: `${typeof headers === 'string' ? headers : headerLines(headers)}${
      expect
        ? `Nats-Expected-Last-Subject-Sequence: ${expect.lastSeq}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${expect.filter}\r\n`
        : ''
    }`,
  }));
  for (;;) {
    const answer = await new Promise<Answer>((resolve) => {
      sender.sendBatch(messages.length, (index) => messages[index] as (typeof messages)[0], resolve);
    });
    switch (answer.kind) {
      case 'stored':
        return appends.map((_, index) => answer.seq - appends.length + index + 1);
      case 'conflict':
        throw conflict(first, answer.description);
      case 'denied':
        throw answer.error;
      case 'silent':
        throw givenUp({ append: first, maybeStored: true }, GIVE_UP_MS, undefined);
      case 'nobody': {
        if ((await streams.make()) === 'missing') throw noStream(first);
        break;
      }
      case 'refused':
      case 'too many':
        throw refused(first, answer);
    }
    if (performance.now() > deadlineMs) {
      const why = `the broker had no room for ${first.subject} (${bytesOf(first.data)} bytes) within ${GIVE_UP_MS} ms`;
      throw new BrokerError('JETFLEET_PUBLISH_REFUSED', why, { retryable: true });
    }
    await delay(PAUSE_MS);
  }
}

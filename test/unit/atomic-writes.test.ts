import { expect, it } from 'vitest';
import { type AtomicLog, appendTogether } from '../../src/broker/publish/atomic-writes.js';
import { PendingWrites } from '../../src/broker/publish/pending-writes.js';
import { UnansweredWrites } from '../../src/broker/publish/unanswered-writes.js';
import { givenUp } from '../../src/broker/publish/write-errors.js';
import type { Answer } from '../../src/broker/publish/write-sender.js';
import type { StreamState } from '../../src/broker/topology/missing-streams.js';

const refusal = { errCode: 0, code: 503, description: 'not now' };
const appends = ['a', 'b'].map((name) => ({ subject: `limits.set.${name}`, data: name }));

/** A log whose broker answers so, the last answer again and again. */
function answering(answers: readonly Answer[], state: StreamState = 'there', giveUpMs = 30_000) {
  const sent: string[][] = [];
  const pending = new PendingWrites({ maxWaiting: 2, maxWaitingBytes: 100, giveUpMs }, () => 1_000_000);
  const log = {
    pending,
    sender: {
      sendBatch: (
        size: number,
        messageAt: (index: number) => { subject: string },
        onAnswer: (answer: Answer) => void,
      ) => {
        sent.push(Array.from({ length: size }, (_, index) => messageAt(index).subject));
        onAnswer(answers[Math.min(sent.length, answers.length) - 1] as Answer);
      },
    },
    streams: {
      ready: () => undefined,
      make: async () => state,
      reasonToGiveUp: (missing: () => Error) => (state === 'missing' ? missing() : undefined),
    },
    unanswered: new UnansweredWrites(
      () => {},
      () => true,
    ),
    confirmTimeoutMs: 2_000,
    reasonToEnd: (write: Parameters<AtomicLog['reasonToEnd']>[0]) =>
      performance.now() < write.deadlineMs ? undefined : givenUp(write, giveUpMs, undefined),
  } as unknown as AtomicLog;
  return { log, sent, pending };
}

it('writes that are stored together have their sequences in their order', async () => {
  const { log, sent, pending } = answering([
    { kind: 'busy', ...refusal },
    { kind: 'in process', ...refusal },
    { kind: 'stored', seq: 9, duplicate: false },
  ]);
  expect(await appendTogether(log, appends)).toEqual([8, 9]);
  expect(sent).toEqual(Array.from({ length: 3 }, () => ['limits.set.a', 'limits.set.b']));
  await pending.idle(0);
});

it.each<[string, Answer, StreamState, object]>([
  ['without an answer', { kind: 'silent' }, 'there', { code: 'JETFLEET_PUBLISH_TIMEOUT' }],
  [
    'of an expectation that does not hold',
    { kind: 'conflict', ...refusal },
    'there',
    { code: 'JETFLEET_CONFLICT' },
  ],
  ['to a stream that is missing', { kind: 'nobody' }, 'missing', { code: 'JETFLEET_NO_STREAM' }],
  ['to a stream without a leader', { kind: 'nobody' }, 'no leader', { code: 'JETFLEET_NO_LEADER' }],
  ['that are refused', { kind: 'refused', ...refusal }, 'there', { code: 'JETFLEET_PUBLISH_REFUSED' }],
])('writes %s fail together, and nothing waits for them', async (_, answer, state, error) => {
  const { log, pending } = answering([answer], state, 150);
  await expect(appendTogether(log, appends)).rejects.toMatchObject(error);
  await pending.idle(0);
  await expect(appendTogether(log, appends)).rejects.toMatchObject(error);
});

it('an error says after how long nobody has confirmed', async () => {
  const { log, sent } = answering([{ kind: 'silent' }]);
  await expect(appendTogether(log, appends)).rejects.toThrow(
    /limits\.set\.a within 2000 ms; it may be stored/,
  );
  // Again, they would conflict with themselves.
  expect(sent).toHaveLength(1);
});

it('where one of them cannot be sent, none is', async () => {
  const { log, sent } = answering([{ kind: 'stored', seq: 9, duplicate: false }]);
  const headers = [['a', 'b\n']] as const;
  const broken = [...appends.slice(1), { ...appends[0], headers }] as typeof appends;
  await expect(appendTogether(log, broken)).rejects.toMatchObject({ code: 'JETFLEET_HEADER_INVALID' });
  const large = [...appends.slice(1), { subject: 'limits.set.c', data: 'c'.repeat(1_000_000) }];
  await expect(appendTogether(log, large)).rejects.toMatchObject({ code: 'JETFLEET_MESSAGE_TOO_LARGE' });
  expect(sent).toEqual([]);
  expect(await appendTogether(log, appends)).toEqual([8, 9]);
});

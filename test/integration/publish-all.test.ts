import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type OutgoingMessage, publishAll } from '../../src/broker/connection/publish-all.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startNats } from '../support/nats.js';
import { publishingOnly } from '../support/publishing-only.js';

let nats: EmbeddedServer;
let connection: NatsConnection;

beforeAll(async () => {
  nats = await startNats();
  connection = await connect({ servers: nats.url });
});
afterAll(async () => {
  await connection.close();
  await nats.stop();
});

const messages: OutgoingMessage[] = [
  { subject: 'out.plain', data: Buffer.from('a body') },
  { subject: 'out.empty', data: Buffer.alloc(0) },
  { subject: 'out.reply', reply: 'out.answers', data: Buffer.from('+ACK') },
  { subject: 'out.headers', lines: 'A: 1\r\nB: two words\r\n', data: Buffer.from('{"n":1}') },
  { subject: 'out.both', reply: 'out.answers', lines: 'A: é 漢\r\n', data: Buffer.from('ü\r\nnext line') },
  { subject: 'out.binary', lines: 'A: 1\r\n', data: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
];

const described = ({ subject, reply, headers, data }: Msg) => ({
  subject,
  reply: reply ?? '',
  headers: Object.fromEntries(headers ?? []),
  data: [...data],
});

/** What a subscriber sees of what `send` publishes. */
async function received(count: number, send: () => void) {
  const subscription = connection.subscribe('out.>', { max: count });
  await connection.flush();
  send();
  const seen: ReturnType<typeof described>[] = [];
  for await (const message of subscription) seen.push(described(message));
  return seen;
}

it('messages that go at once arrive as those do that go one by one', async () => {
  const oneByOne = await received(messages.length, () => publishAll(publishingOnly(connection), messages));
  expect(await received(messages.length, () => publishAll(connection, messages))).toEqual(oneByOne);
  expect(oneByOne[4]).toMatchObject({ subject: 'out.both', reply: 'out.answers', headers: { A: ['é 漢'] } });
});

it('this version of the client takes them at once', () => {
  let calls = 0;
  const { protocol } = connection as unknown as { protocol: object };
  expect(protocol).toHaveProperty('sendCommand');
  const counting = Object.create(protocol, { sendCommand: { value: () => calls++ } });
  const observed = Object.create(connection, { protocol: { value: counting } }) as NatsConnection;
  publishAll(observed, messages);
  expect(calls).toBe(1);
});

it('a closed connection refuses them', async () => {
  const closed = await connect({ servers: nats.url });
  await closed.close();
  expect(() => publishAll(closed, messages)).toThrow(/closed/);
});

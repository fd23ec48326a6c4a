import { setTimeout as delay } from 'node:timers/promises';
import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newInbox, type OutgoingMessage, publishAll } from '../../src/broker/connection/client-internals.js';
import { headerReader } from '../../src/broker/read/message-headers.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { Header } from '../../src/wire/headers.js';
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

/** What arrives of messages with these header blocks, each the lines as they go over the wire. */
async function received(blocks: readonly string[]): Promise<Msg[]> {
  const subscription = connection.subscribe('headers', { max: blocks.length });
  await connection.flush();
  publishAll(
    connection,
    blocks.map((lines) => ({ subject: 'headers', lines, data: Buffer.from('{}') })),
  );
  const seen: Msg[] = [];
  for await (const message of subscription) seen.push(message);
  return seen;
}

/** What the client itself makes of them, or undefined when it cannot read them. */
function clientsReading(msg: Msg, names: readonly string[]): string[] | undefined {
  try {
    return names.map((name) => msg.headers?.get(name) ?? '');
  } catch {
    return undefined;
  }
}

const ORDINARY =
  'Nats-Msg-Id: 01KB\r\nJetfleet-Max-Attempts:3\r\nJetfleet-Timeout-Ms:  1 \r\nEmpty:\r\ntraceparent: é: 漢\r\n';

/** The message without the client's own reading, which fails when it is asked for. */
function withoutClient(msg: Msg): Msg {
  return Object.create(msg, {
    headers: {
      get: () => {
        throw new Error('the client was asked');
      },
    },
  });
}

it('what follows no messages leaves at once', async () => {
  const came = new Promise<void>((resolve) => {
    connection.subscribe('behind', { max: 1, callback: () => resolve() });
  });
  await connection.flush();
  publishAll(connection, []);
  await delay(1);
  connection.publish('behind');
  await expect(Promise.race([came, delay(1_000, 'late')])).resolves.toBeUndefined();
});

it('ordinary headers are read without the client', async () => {
  const [msg] = await received([ORDINARY]);
  const reader = headerReader(withoutClient(msg as Msg));
  expect(reader?.get('Nats-Msg-Id')).toBe('01KB');
  expect(reader?.get('Jetfleet-Timeout-Ms')).toBe('1');
  expect(reader?.get('traceparent')).toBe('é: 漢');
  for (const missing of ['Empty', 'Msg-Id', 'Nats-Msg', '01KB', 'nats-msg-id']) {
    expect(reader?.get(missing)).toBe('');
  }
});

it('a version of the client that keeps messages otherwise reads them itself', async () => {
  const [msg] = await received([ORDINARY]);
  const { headers } = msg as Msg;
  const reader = headerReader({ headers } as Msg);
  expect(reader?.get('Jetfleet-Max-Attempts')).toBe('3');
  expect(reader?.get('Jetfleet')).toBe('');
});

it('a message without headers has none', async () => {
  const subscription = connection.subscribe('bare', { max: 1 });
  connection.publish('bare', 'x');
  for await (const message of subscription) expect(headerReader(message)?.get('Nats-Msg-Id')).toBe('');
});

it('whatever stands in the headers, they read as the client reads them', async () => {
  const known = Object.values(Header);
  const text = fc.oneof(
    fc.constantFrom(
      '',
      ' ',
      '1',
      'a: b',
      'x\ny',
      'x\ry',
      '\n',
      'é漢',
      ...known.map((name) => `\n${name}: 1`),
    ),
    fc.string({ maxLength: 12 }),
  );
  const name = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...known, 'X', 'x-y', 'X-Nats-Msg-Id') },
    { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
  );
  const gap = fc.constantFrom(':', ': ', ':\t', ' : ', '');
  const line = fc.tuple(name, gap, text).map((parts) => `${parts.join('')}\r\n`);
  const block = fc.array(line, { minLength: 1, maxLength: 5 }).map((lines) => lines.join(''));
  const blocks = fc.sample(block, { numRuns: 3_000, seed: 1 });
  const names = [...known, 'X', 'x-y', 'Msg-Id'];
  let readWithoutClient = 0;
  for (const msg of await received(blocks)) {
    const expected = clientsReading(msg, names);
    const reader = headerReader(msg);
    expect(reader && names.map((each) => reader.get(each))).toEqual(expected);
    if (headerReader(withoutClient(msg))) readWithoutClient++;
  }
  // Both ways were taken.
  expect(readWithoutClient).toBeGreaterThan(100);
  expect(readWithoutClient).toBeLessThan(2_900);
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
async function publishedBy(count: number, send: () => void) {
  const subscription = connection.subscribe('out.>', { max: count });
  await connection.flush();
  send();
  const seen: ReturnType<typeof described>[] = [];
  for await (const message of subscription) seen.push(described(message));
  return seen;
}

it('messages that go at once arrive as those do that go one by one', async () => {
  const oneByOne = await publishedBy(messages.length, () => publishAll(publishingOnly(connection), messages));
  expect(await publishedBy(messages.length, () => publishAll(connection, messages))).toEqual(oneByOne);
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

it('a subject for answers is below the prefix of its connection', async () => {
  const own = await connect({ servers: nats.url, inboxPrefix: '_INBOX_own' });
  expect(newInbox(own)).toMatch(/^_INBOX_own\./);
  expect(newInbox({} as NatsConnection)).toMatch(/^_INBOX\./);
  await own.close();
});

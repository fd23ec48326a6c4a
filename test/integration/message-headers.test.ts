import { connect, type Msg, type NatsConnection } from '@nats-io/transport-node';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishAll } from '../../src/broker/connection/publish-all.js';
import { headerReader } from '../../src/broker/read/message-headers.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { Header } from '../../src/wire/headers.js';
import { startNats } from '../support/nats.js';

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
  'Nats-Msg-Id: 01KB\r\nJetfleet-Max-Attempts:3\r\nJetfleet-New-Id:  1 \r\nEmpty:\r\ntraceparent: é: 漢\r\n';

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

it('ordinary headers are read without the client', async () => {
  const [msg] = await received([ORDINARY]);
  const reader = headerReader(withoutClient(msg as Msg));
  expect(reader?.get('Nats-Msg-Id')).toBe('01KB');
  expect(reader?.get('Jetfleet-New-Id')).toBe('1');
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

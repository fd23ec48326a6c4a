import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { NatsConnection } from '@nats-io/transport-node';
import { expect, it } from 'vitest';
import { send } from '../../src/broker/connection/guarded.js';

const broker = new URL('../../src/broker/', import.meta.url);
const files = readdirSync(broker, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.ts'),
);

/** The files, except for `allowed`, whose text matches. */
function found(pattern: RegExp, allowed: readonly string[]): string[] {
  const others = files.filter((name) => !allowed.includes(basename(name)));
  return others.filter((name) => pattern.test(readFileSync(new URL(name, broker), 'utf8')));
}

it('publishes, subscribes, flushes and answers in one place, which no state of a connection makes throw', () => {
  const direct = /onnection\.(publish|subscribe|flush|request|drain)\(|\.respond\(|publishAll\(/;
  expect(found(direct, [])).toEqual(['connection/client-internals.ts', 'connection/guarded.ts']);
  expect(found(direct, ['guarded.ts', 'client-internals.ts'])).toEqual([]);
});

it('reaches into the client in one file', () => {
  expect(found(/as unknown as|_rdata|_msg\b|\.protocol\b/, [])).toEqual(['connection/client-internals.ts']);
});

it('a message that cannot be sent is an error, unless the connection is closed or drains', () => {
  let isDraining = false;
  const connection = {
    isClosed: () => false,
    isDraining: () => isDraining,
    publish: () => {
      throw new Error('too large');
    },
  } as unknown as NatsConnection;
  const message = { subject: 'a', data: '' };
  expect(() => send(connection, [message])).toThrow('too large');
  isDraining = true;
  expect(send(connection, [message])).toBe(false);
});

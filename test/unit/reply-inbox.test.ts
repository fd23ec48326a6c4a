import type { NatsConnection, Subscription } from '@nats-io/transport-node';
import { expect, it, vi } from 'vitest';
import { ReplyInbox } from '../../src/broker/connection/reply-inbox.js';

it('ends the waiting of everybody after a reconnect, though its owner drains the connection by then', () => {
  let isDraining = false;
  let refuse = (_: Error) => {};
  const connection = {
    options: {},
    isClosed: () => false,
    isDraining: () => isDraining,
    subscribe: (_: string, { callback }: { callback: (error: Error) => void }) => {
      if (isDraining) throw new Error('connection draining');
      refuse = callback;
      return { unsubscribe: () => {} } as Subscription;
    },
  } as unknown as NatsConnection;
  const inbox = new ReplyInbox(connection);
  refuse(new Error('no right to hear answers'));
  const onReply = vi.fn();
  inbox.expect(1_000, 'asked', onReply);
  isDraining = true;
  expect(() => inbox.giveUp()).not.toThrow();
  expect(onReply).toHaveBeenCalledExactlyOnceWith(undefined);
  inbox.close();
});

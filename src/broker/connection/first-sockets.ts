import { AsyncLocalStorage } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const made = new AsyncLocalStorage<Set<Socket>>();
let underWay = 0;

/**
 * Connects, and ends what was opened for it when that fails. The client leaves the socket open to a server that accepts and
 * does not greet, and an open socket keeps a process from ending.
 */
export async function withoutLeftovers<T>(connect: () => Promise<T>): Promise<T> {
  const sockets = new Set<Socket>();
  // Node tells of all sockets of the process. Those of others belong to another call, or to none.
  const note = (message: unknown) => {
    if (made.getStore() === sockets) sockets.add((message as { socket: Socket }).socket);
  };
  const created = channel('net.client.socket');
  created.subscribe(note);
  underWay++;
  try {
    return await made.run(sockets, connect);
  } catch (error) {
    for (const socket of sockets) socket.destroy();
    throw error;
  } finally {
    created.unsubscribe(note);
    // While a store is in use, Node 20 makes every promise of the process dearer (decision 25).
    if (--underWay === 0) made.disable();
  }
}

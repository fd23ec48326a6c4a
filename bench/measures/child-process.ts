import type { ChildProcess, Serializable } from 'node:child_process';
import { once } from 'node:events';

/** The next message of a child. @throws Error when the child ends instead */
export async function nextMessage<T>(child: ChildProcess, whatItIs: string): Promise<T> {
  // None of the two listeners stays.
  const over = new AbortController();
  const { signal } = over;
  const ended = once(child, 'exit', { signal }).then(() => {
    throw new Error(`${whatItIs} has ended`);
  });
  try {
    const [message] = await Promise.race([once(child, 'message', { signal }), ended]);
    return message as T;
  } finally {
    over.abort();
  }
}

/** What a child that serves its parent answers. @throws Error when it ends instead */
export function ask<T>(child: ChildProcess, said: Serializable): Promise<T> {
  const answer = nextMessage<T>(child, 'a worker');
  child.send(said);
  return answer;
}

/** Has a child that serves its parent end in order. */
export async function endChild(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.disconnect();
  await ended;
}

/** In a child: says that it is ready, answers each message of its parent, and ends when that disconnects. */
export function serveParent(answer: (said: unknown) => unknown, end: () => Promise<void>): void {
  process.on('message', async (said) => process.send?.(await answer(said)));
  process.once('disconnect', end);
  process.send?.('ready');
}

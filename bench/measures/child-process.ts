import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** The next message of a child. @throws Error when the child ends instead */
export async function nextMessage<T>(child: ChildProcess, whatItIs: string): Promise<T> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`${whatItIs} has ended`);
  });
  const [message] = await Promise.race([once(child, 'message'), ended]);
  return message as T;
}

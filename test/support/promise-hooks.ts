/**
 * Prints whether promises of this process have an async context each once a queue is connected, which only hooks give them.
 *
 *     node <bundle of this> <NATS URL>
 */
import { executionAsyncId } from 'node:async_hooks';
import { JobQueueService } from '../../src/index.js';

/** Without hooks, what follows a promise runs in the context of the turn. */
async function haveHooks(): Promise<boolean> {
  await null;
  const first = executionAsyncId();
  await null;
  return executionAsyncId() !== first;
}

const queue = new JobQueueService({ servers: process.argv[2] ?? '' });
await queue.addJob('resize_image', {});
process.stdout.write(`${await haveHooks()}\n`);
await queue.close();

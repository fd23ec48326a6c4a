/**
 * Adds the same job on several connections at once, when it is told to: `node adder-process.mjs <url> <namespace> <connections>`,
 * then a line with the options of the job. Prints what became of each.
 */
import { createInterface } from 'node:readline';
import { JobQueueService } from '../../src/index.js';

const [, , servers = '', namespace = '', connections = '1'] = process.argv;
const queues = Array.from(
  { length: Number(connections) },
  () => new JobQueueService({ servers, namespace, env: {} }),
);
await Promise.all(queues.map((queue) => queue.connect()));
process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const { type, ...options } = JSON.parse(line);
  const added = await Promise.all(
    queues.map(async (queue) => {
      const { id, created } = await queue.addOrFind(type, { same: true }, 'normal', options);
      return { id, created };
    }),
  );
  process.stdout.write(`${JSON.stringify(added)}\n`);
}
process.exit(0);

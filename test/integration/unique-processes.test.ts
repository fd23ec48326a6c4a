import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JobOptions } from '../../src/index.js';
import { bundleScript } from '../support/bundle.js';
import { type Fleet, startFleet } from '../support/fleet.js';

/** Their connections are 64 producers together. */
const PROCESSES = 16;
const CONNECTIONS = 4;

interface Adder {
  child: ChildProcess;
  next(): Promise<string>;
}

let fleet: Fleet;
let adders: Adder[];
const open: AsyncDisposable[] = [];

beforeAll(async () => {
  fleet = await startFleet({ handlers: { quick: () => 'done' } });
  const script = await bundleScript('support/adder-process.ts');
  open.push(script);
  adders = Array.from({ length: PROCESSES }, () => {
    const args = [script.path, fleet.url, fleet.namespace, String(CONNECTIONS)];
    const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    return { child, next: async () => (await lines.next()).value as string };
  });
  expect(new Set(await Promise.all(adders.map(({ next }) => next())))).toEqual(new Set(['ready']));
});
afterAll(async () => {
  for (const { child } of adders) child.kill();
  for (const each of open) await each[Symbol.asyncDispose]();
  await fleet.close();
});

/** What each of 64 producers hears that adds the job at the same moment. */
async function addedByAll(
  options: JobOptions & { type: string },
): Promise<{ id: string; created: boolean }[]> {
  for (const { child } of adders) child.stdin?.write(`${JSON.stringify(options)}\n`);
  const answers = await Promise.all(adders.map(({ next }) => next()));
  return answers.flatMap((line) => JSON.parse(line) as { id: string; created: boolean }[]);
}

test.each<[string, JobOptions & { type: string }]>([
  ['a unique key', { type: 'waits', unique: { key: 'one' } }],
  ['a unique key of a delayed job', { type: 'waits', delayMs: 60_000, unique: { key: 'later' } }],
  [
    'a key for a period, of a job that ends at once',
    { type: 'quick', unique: { key: 'quick', for: 60_000 } },
  ],
  ['a debounced job', { type: 'waits', debounce: { key: 'last', delayMs: 60_000 } }],
  ['an id', { type: 'waits', id: 'same' }],
  ['an id of a delayed job', { type: 'waits', id: 'same-later', delayMs: 60_000 }],
  ['an id of a job that ends at once', { type: 'quick', id: 'same-quick' }],
])(
  '64 producers in 16 processes that add %s at once make one job, and 63 are told so',
  async (_, options) => {
    const added = await addedByAll(options);
    expect(added).toHaveLength(PROCESSES * CONNECTIONS);
    expect(new Set(added.map(({ id }) => id)).size).toBe(1);
    expect(added.filter(({ created }) => created)).toHaveLength(1);
    const { jobs } = await fleet.queue.getJobs({ type: options.type, limit: 1_000 });
    expect(jobs.filter(({ id }) => id === added[0]?.id)).toHaveLength(1);
  },
);

/**
 * The producers of examples/producers, which know nothing of Jetfleet but its subjects. Those in C and Go need a compiler and a client
 * library; `npm run test:parity` installs these, and then none may be skipped.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign } from '../support/foreign-client.js';
import { buildGo, GO_PATH, type GoBinary } from '../support/go.js';
import { startNats } from '../support/nats.js';

const run = promisify(execFile);
const mustRunAll = process.env.JETFLEET_PARITY === '1';
const onPath = (name: string) =>
  (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));

let folder: string;
let goBinary: GoBinary | undefined;
let nats: EmbeddedServer;
let fleet: Fleet;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jetfleet-producers-'));
  nats = await startNats();
  fleet = await startFleet({ nats, handlers: { demo: ({ payload }) => payload }, worker: { sweep: false } });
});
afterAll(async () => {
  await fleet.close();
  await nats.stop();
  await goBinary?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Producer {
  name: string;
  /** What the machine must have. */
  isHere: boolean;
  /** Builds it, where it has to be built. @returns the command */
  command(): Promise<string[]>;
}

const source = (name: string) => join('examples', 'producers', name);

const PRODUCERS: Producer[] = [
  { name: 'shell', isHere: onPath('bash'), command: async () => ['bash', source('publish.sh')] },
  { name: 'Python', isHere: onPath('python3'), command: async () => ['python3', source('publish.py')] },
  {
    name: 'C',
    isHere: onPath('cc') && existsSync('/usr/include/nats/nats.h'),
    async command() {
      const binary = join(folder, 'publish-c');
      await run('cc', ['-Wall', '-Werror', source('publish.c'), '-lnats', '-o', binary]);
      return [binary];
    },
  },
  {
    name: 'Go',
    isHere: onPath('go') && existsSync(join(GO_PATH, 'src/github.com/nats-io/nats.go')),
    async command() {
      goBinary = await buildGo(readFileSync(source('publish.go'), 'utf8'));
      return [goBinary.path];
    },
  },
];

for (const { name, isHere, command } of PRODUCERS) {
  test.skipIf(!isHere && !mustRunAll)(
    `a producer in ${name} adds a job, and is told of a subject that is none`,
    async () => {
      const [file = '', ...args] = await command();
      const { hostname, port } = new URL(nats.url);
      const id = `from-${name.toLowerCase()}`;
      const publish = (subject: string) =>
        run(file, [...args, hostname, port, `${fleet.namespace}.${subject}`, '{"grüße":[1,2]}'], {
          timeout: 60_000,
        });
      const { stdout } = await publish(`jobs.high.demo.${id}`);
      expect(JSON.parse(stdout)).toMatchObject({
        stream: expect.stringMatching(/_JOBS$/),
        seq: expect.any(Number),
      });
      expect(await fleet.waitForJob(id, 'completed')).toMatchObject({
        priority: 'high',
        result: { grüße: [1, 2] },
        maxAttempts: 5,
      });
      await expect(publish(`jobs.urgent.demo.${id}`)).rejects.toMatchObject({ code: 1 });
    },
  );
}

test('a producer with the old nats package adds a job, and is told of a subject that is none', async () => {
  await using client = await connectForeign(nats.url);
  const subject = (priority: string) => `${fleet.namespace}.jobs.${priority}.demo.from-npm`;
  const stored = await client.publish(subject('high'), '{"grüße":[1,2]}', { 'Jetfleet-Max-Attempts': '5' });
  expect(stored.seq).toBeGreaterThan(0);
  expect(await fleet.waitForJob('from-npm', 'completed')).toMatchObject({ maxAttempts: 5 });
  await expect(client.publish(subject('urgent'), '{}')).rejects.toThrow();
});

import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { JobQueueService } from '../../src/index.js';
import { EXTRA_KINDS, STREAM_KINDS } from '../../src/wire/subjects.js';
import { cli } from '../support/cli.js';
import { type Cluster, startCluster } from '../support/cluster.js';

const STREAMS = ['TIMERS', 'JOBS', 'WEBHOOKS', 'EVENTS'];

let cluster: Cluster;
const run = (namespace: string, args: string[], env: Record<string, string> = {}) =>
  cli([...args, '--namespace', namespace], { env: { NATS_URL: cluster.urls.join(), ...env } });

beforeAll(async () => {
  cluster = await startCluster();
});
afterAll(() => cluster.stop());

/** How many copies the streams have: one number where all have as many. */
async function copies(namespace: string): Promise<number[]> {
  await using queue = new JobQueueService({ servers: cluster.urls, namespace });
  const { topology } = await queue.broker();
  const kinds = [...STREAM_KINDS, ...EXTRA_KINDS];
  const infos = await Promise.all(kinds.map((kind) => topology.streamInfo(kind)));
  return [...new Set(infos.map(({ config }) => config.num_replicas))];
}

it('one copy in a cluster is made with a warning, is raised by doctor, and loses nothing', async () => {
  const made = await vi.waitFor(async () => {
    const result = await run('one', ['setup', '--json']);
    expect(result.code).toBe(0);
    return result;
  });
  const singleCopies = STREAMS.map((name) => `stream ONE_${name}`);
  expect(JSON.parse(made.stdout)).toMatchObject({ singleCopies, drift: [] });
  expect((await run('one', ['setup'])).stderr).toMatch(/one copy each.*--replicas or JETFLEET_REPLICAS/);
  await using queue = new JobQueueService({ servers: cluster.urls, namespace: 'one' });
  const ids = await queue.addJobs(Array.from({ length: 50 }, (_, n) => ({ type: 'later', payload: { n } })));

  const seen = await run('one', ['doctor', '--json']);
  expect(JSON.parse(seen.stdout).findings).toEqual(
    expect.arrayContaining(
      singleCopies.map((target) => expect.objectContaining({ code: 'copies_low', target, fixable: false })),
    ),
  );
  expect((await run('one', ['setup', '--replicas', '3'])).code).toBe(4);
  const mended = await run('one', ['doctor', '--fix', '--json'], { JETFLEET_REPLICAS: '3' });
  expect(JSON.parse(mended.stdout).fixed.map(({ target }: { target: string }) => target)).toEqual(
    expect.arrayContaining(singleCopies),
  );
  expect(await copies('one')).toEqual([3]);
  for (const args of [['setup'], ['setup', '--replicas', '3']]) {
    const { code, stdout, stderr } = await run('one', args);
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stderr: '' });
    expect(stdout).not.toMatch(/created|num_replicas/);
  }
  const { jobs } = await queue.getJobs({ type: 'later', limit: 100 });
  expect(jobs.map(({ id }) => id).sort()).toEqual([...ids].sort());
});

it.each([
  ['the flag', ['--replicas', '3'], {}],
  ['the environment', [], { JETFLEET_REPLICAS: '3' }],
])('%s says how many copies a new stream has', async (name, args, env) => {
  const namespace = name.replace('the ', '');
  await vi.waitFor(async () => expect((await run(namespace, ['setup', ...args], env)).code).toBe(0));
  expect(await copies(namespace)).toEqual([3]);
});

it('one copy that somebody asks for is no finding', async () => {
  await vi.waitFor(async () => expect((await run('meant', ['setup', '--replicas', '1'])).code).toBe(0));
  const { stdout } = await run('meant', ['doctor', '--replicas', '1', '--json']);
  expect(JSON.parse(stdout).findings.map(({ code }: { code: string }) => code)).not.toContain('copies_low');
});

it.each([
  ['x', {}],
  ['7', {}],
  ['', { JETFLEET_REPLICAS: 'many' }],
])('a number of copies that cannot be is refused: %j %j', async (flag, env) => {
  const { code, stderr } = await run('bad', ['setup', ...(flag ? ['--replicas', flag] : [])], env);
  expect(code).toBe(2);
  expect(stderr).toMatch(/replicas.*(JETFLEET_OPTION_INVALID)/);
});

/**
 * Workers of all languages against one set of vectors. `npm run test:parity` installs what it needs and runs this; `npm test` passes it
 * over, since it needs a compiler.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { drainWorker, listWorkers } from '../../src/inspect/index.js';
import { type Bundle, bundleScript } from '../support/bundle.js';
import { startConfigured } from '../support/configured-nats.js';
import { startFleet } from '../support/fleet.js';
import { buildGo, checkGo, type GoBinary } from '../support/go.js';
import { startNats } from '../support/nats.js';
import { rawPublish } from '../support/raw-publish.js';
import type { Command } from './parity-process.js';
import { Stage } from './stage.js';
import { readVectors, type Vector } from './vector.js';

const mustRun = process.env.JETFLEET_PARITY === '1';

describe.skipIf(!mustRun)('parity', () => {
  let nats: EmbeddedServer;
  let ours: Bundle;
  let go: GoBinary;
  beforeAll(async () => {
    [nats, ours, go] = await Promise.all([startNats(), bundleScript('parity/parity-worker.ts'), buildGo()]);
  });
  afterAll(async () => {
    await ours?.[Symbol.asyncDispose]();
    await go?.[Symbol.asyncDispose]();
    await nats?.stop();
  });

  const files = readVectors();
  /** The workers play at the same time, each its vectors one after the other. */
  const played = new Map<string, Promise<void>>();
  const stages: Promise<Stage>[] = [];
  const keyOf = (worker: string, vector: Vector) => `${worker} ${vector.name}`;
  beforeAll(() => {
    const reference: Command = [process.execPath, ours.path];
    const commands: Record<string, Command> = { TypeScript: reference, Go: [go.path] };
    for (const [worker, command] of Object.entries(commands)) {
      const namespace = `parity_${worker.toLowerCase()}`;
      const opening = Stage.open({ url: nats.url, namespace, reference, command });
      stages.push(opening);
      let last: Promise<unknown> = opening;
      for (const vector of files.flatMap(({ vectors }) => vectors)) {
        const playing = last.then(async () => (await opening).play(vector));
        played.set(keyOf(worker, vector), playing);
        last = playing.catch(() => {});
      }
    }
  });
  afterAll(() => Promise.allSettled(stages.map(async (stage) => (await stage)[Symbol.asyncDispose]())));

  describe.each(['Go', 'TypeScript'])('a worker in %s', (worker) => {
    for (const { file, vectors } of files)
      describe(file, () => {
        for (const vector of vectors) test(vector.name, () => played.get(keyOf(worker, vector)));
      });
  });

  test('the package in Go is formatted, and its own checks find nothing', async () => {
    expect(await checkGo()).toBe('');
  });

  test('the example of its README runs jobs, and obeys pauses, drain orders and SIGTERM', async () => {
    const readme = readFileSync(new URL('../../clients/go/README.md', import.meta.url), 'utf8');
    const program = /```go\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    await using example = await buildGo(program);
    await using fleet = await startFleet({ nats, workers: 0 });
    const { queue, namespace } = fleet;
    const type = 'render_report';
    // The streams, as `jetfleet setup` creates them.
    await queue.setup();
    await queue.pause({ type });
    const env = { ...process.env, NATS_URL: nats.url, JETFLEET_NAMESPACE: namespace };
    const child = spawn(example.path, { env, stdio: ['ignore', 'ignore', 'pipe'] });
    const ended = once(child, 'exit');
    const worker = async (state: string) => {
      const [found] = await listWorkers(queue);
      expect(found).toMatchObject({ version: 'go-0.1.0', state, lanes: [{ type, concurrency: 4 }] });
      return found?.name ?? '';
    };
    const name = await vi.waitFor(() => worker('running'));
    const { topology } = await queue.broker();
    expect(await topology.consumer('jobs', `${type}-normal`)).toMatchObject({ paused: true });
    const first = await queue.addJob(type, { customer: 'acme', pages: 3 });
    await queue.resume({ type });
    const file = { file: 'acme.pdf' };
    expect(await fleet.waitForJob(first, 'completed')).toMatchObject({ worker: name, result: file });
    const empty = await queue.addJob(type, { customer: 'acme', pages: 0 });
    expect(await fleet.waitForJob(empty, 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_NON_RETRYABLE', message: 'the report of acme has no pages' },
    });
    await drainWorker(queue, name);
    await vi.waitFor(() => worker('paused'));
    const later = await queue.addJob(type, { customer: 'acme', pages: 1 });
    await drainWorker(queue, name, false);
    expect(await fleet.waitForJob(later, 'completed')).toMatchObject({ result: file });
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });

  test('the worker in Go refuses a type whose jobs need what it lacks', async () => {
    await using fleet = await startFleet({
      nats,
      namespace: 'parity_limits',
      handlers: { parity: { handler: () => 1, limits: [{ per: 'type', concurrency: 1 }] } },
    });
    const config = { url: nats.url, namespace: fleet.namespace, name: 'go', ackWaitMs: 1_000, drainMs: 100 };
    const child = spawn(go.path, {
      env: { ...process.env, PARITY_CONFIG: JSON.stringify(config) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    expect(await once(child, 'exit')).toEqual([1, null]);
    expect(stderr).toContain('jobs of type parity are left to the workers of Jetfleet');
  });

  /** A worker in Go with the handlers of the vectors; what it logs. */
  function startGo(url: string, namespace: string, env: Record<string, string> = {}) {
    const config = { url, namespace, name: 'go', ackWaitMs: 1_000, drainMs: 100 };
    const child = spawn(go.path, {
      env: { ...process.env, ...env, PARITY_LOG: '1', PARITY_CONFIG: JSON.stringify(config) },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'exit');
    onTestFinished(async () => {
      child.kill('SIGKILL');
      await ended;
    });
    const log = { text: '' };
    child.stderr.on('data', (chunk) => {
      log.text += chunk;
    });
    return { child, ended, log };
  }

  test('the worker in Go rejects a job whose headers cannot be read, and runs the next', async () => {
    await using fleet = await startFleet({ nats, workers: 0 });
    await fleet.queue.setup();
    startGo(nats.url, fleet.namespace);
    const work = JSON.stringify({ runs: [[{ result: 1 }]] });
    await rawPublish(nats.port, `${fleet.namespace}.jobs.normal.parity.evil`, work, 'Jetfleet-Tags: a\nb');
    expect(await fleet.waitForJob('evil', 'rejected')).toMatchObject({
      error: { code: 'JETFLEET_HEADER_INVALID' },
    });
    await rawPublish(nats.port, `${fleet.namespace}.jobs.normal.parity.good`, work);
    expect(await fleet.waitForJob('good', 'completed')).toMatchObject({ result: 1, worker: 'go' });
  });

  test('the worker in Go works under the role of a worker, and names a right that it lacks', async () => {
    const roles = ['PRODUCER', 'SCHEDULER', 'WORKER', 'OBSERVER', 'SERVER', 'ADMIN'];
    const env = Object.fromEntries(roles.map((role) => [`JETFLEET_${role}_PASSWORD`, 'pass']));
    await using guarded = await startConfigured(
      async (folder) => {
        await copyFile('deploy/nats/roles.conf', join(folder, 'roles.conf'));
        return 'include "roles.conf"\nmax_payload: 1MB';
      },
      { env },
    );
    const login = { servers: `nats://${guarded.address}`, user: 'admin', password: 'pass' };
    await using queue = new JobQueueService({ ...login, inboxPrefix: '_INBOX_admin' });
    await queue.setup(['parity']);
    const url = `nats://worker:pass@${guarded.address}`;
    const refused = startGo(url, '');
    expect(await refused.ended).toEqual([1, null]);
    expect(refused.log.text).toContain('the user may not receive answers on _INBOX');
    startGo(url, '', { NATS_INBOX_PREFIX: '_INBOX_worker' });
    const id = await queue.addJob('parity', { runs: [[{ result: 1 }]] });
    await expect.poll(async () => (await queue.getJob(id))?.state).toBe('completed');
  });
});

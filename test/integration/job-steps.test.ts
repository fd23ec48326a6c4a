import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { assign, fromPromise, setup } from 'xstate';
import type { RunInput } from '../../machines/index.js';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import {
  encryption,
  type JobOutcome,
  JobQueueService,
  type JobStep,
  type JobWorkerOptions,
  JobWorkerService,
} from '../../src/index.js';
import { type InspectionRecord, watchMachines } from '../../src/inspect/index.js';
import { toldSteps } from '../../src/wire/told-steps.js';
import { cli } from '../support/cli.js';
import { type FleetOptions, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { expectProblem, startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Counts to `payload.to`, each in a state of its own, and fails then unless it is told otherwise. */
const counting = setup({
  types: {
    context: {} as { n: number; apiKey: string; to: number; fails: boolean },
    input: {} as RunInput<{ to: number; fails?: boolean }>,
    output: {} as JobOutcome,
  },
  actors: {
    end: fromPromise(async ({ input }: { input: boolean }) => {
      if (input) throw new Error('counted enough');
    }),
  },
  actions: { count: assign({ n: ({ context }) => context.n + 1 }) },
  guards: { isCounted: ({ context }) => context.n >= context.to },
}).createMachine({
  id: 'counting',
  context: ({ input: { payload } }) => ({
    n: 0,
    apiKey: 'hunter2',
    to: payload.to,
    fails: payload.fails !== false,
  }),
  initial: 'odd',
  output: { kind: 'completed', result: 'counted' },
  states: {
    odd: { after: { 1: { target: 'even', actions: 'count' } } },
    even: {
      always: { guard: 'isCounted', target: 'ending' },
      after: { 1: { target: 'odd', actions: 'count' } },
    },
    ending: {
      invoke: { src: 'end', input: ({ context }) => context.fails, onDone: 'over' },
    },
    over: { type: 'final' },
  },
});

const counter = {
  counting: { chart: counting, retry: { baseMs: 1 } },
} as unknown as FleetOptions['handlers'];
const inner = (steps: readonly JobStep[]) =>
  steps.filter(({ machine, kind }) => machine === 'counting' && kind === 'transition');
const countsOf = (steps: readonly JobStep[]) =>
  toldSteps(steps)
    .filter(({ machine, kind }) => machine === 'counting' && kind === 'transition')
    .map(({ context }) => (context as { n: number }).n);

test('a failed job is replayed step by step after its worker and the server were restarted', async () => {
  const storeDir = await mkdtemp(join(tmpdir(), 'jetfleet-steps-'));
  let server = await startNats({ storeDir });
  try {
    const fleet = await startFleet({ nats: server, handlers: counter });
    await fleet.queue.addJob('counting', { to: 39 }, 'normal', { id: 'one', maxAttempts: 1 });
    await fleet.waitForJob('one', 'exhausted');
    const live = await fleet.queue.steps('one');
    await fleet.close();
    await server.stop();
    server = await startNats({ storeDir });
    await using queue = new JobQueueService({ servers: server.url, namespace: fleet.namespace });
    expect(await queue.steps('one')).toEqual(live);
    expect(live).toMatchObject({ total: live.steps.length, dropped: 0 });
    expect(live.steps.map(({ index }) => index)).toEqual(live.steps.map((_, index) => index));
    expect(countsOf(live.steps).filter((n, at, all) => n !== all[at - 1])).toEqual(
      Array.from({ length: 39 }, (_, n) => n + 1),
    );
    expect(inner(live.steps).some(({ active }) => active?.[0] === 'ending')).toBe(true);
    expect(JSON.stringify(live)).toContain('[masked]');
    expect(JSON.stringify(live)).not.toContain('hunter2');
  } finally {
    await server.stop();
    await rm(storeDir, { recursive: true, force: true });
  }
});

describe('what is kept', () => {
  const started = (worker: JobWorkerOptions, more: FleetOptions['handlers'] = {}) =>
    startFleet({ nats, worker: { sweep: false, ...worker }, handlers: { ...counter, ...more } });

  test('is nothing of a job that ends well, and no stream is made for it', async () => {
    await using fleet = await started({}, { fails: () => Promise.reject(new Error('once')) });
    const { queue } = fleet;
    await queue.addJob('counting', { to: 5, fails: false }, 'normal', { id: 'well' });
    await queue.addJob('fails', {}, 'normal', { id: 'function', maxAttempts: 1 });
    await fleet.waitForJob('well', 'completed');
    await fleet.waitForJob('function', 'exhausted');
    expect(await queue.steps('well')).toEqual({ steps: [], total: 0, dropped: 0 });
    const { topology } = await queue.broker();
    expect(await topology.hasStream('steps')).toBe(false);
    await expect(queue.steps('none')).rejects.toMatchObject({ code: 'JETFLEET_NOT_FOUND' });
  });

  test('are the first and the last steps of all attempts, in one message a job that goes with it', async () => {
    await using fleet = await started({});
    const { queue } = fleet;
    await queue.addJob('counting', { to: 61 }, 'normal', { id: 'two', maxAttempts: 2 });
    await fleet.waitForJob('two', 'exhausted');
    const { steps, total, dropped } = await queue.steps('two');
    expect(steps).toHaveLength(200);
    expect(total).toBe(200 + dropped);
    expect(steps.map(({ index }) => index)).toEqual([
      ...Array.from({ length: 100 }, (_, n) => n),
      ...Array.from({ length: 100 }, (_, n) => total - 100 + n),
    ]);
    expect([steps[0]?.attempt, steps.at(-1)?.attempt]).toEqual([1, 2]);
    // What came between is in none of the changes that are kept, and counts all the same.
    expect(countsOf(steps).at(-1)).toBe(61);
    const { extra } = await queue.broker();
    expect(await extra.steps.last('two')).toBeDefined();
    await queue.cleanup(0);
    expect(await extra.steps.last('two')).toBeUndefined();
  });

  test('is what somebody has watched, a function too, but not by one who watches every job', async () => {
    const { open, opened } = gate();
    await using fleet = await started({}, { demo: () => opened });
    const { queue } = fleet;
    await using _all = await watchMachines(queue, {}, () => {});
    const seen: InspectionRecord[] = [];
    for (const id of ['watched', 'not']) await queue.addJob('demo', { token: 'hunter2' }, 'normal', { id });
    await fleet.waitForJob('not', 'running');
    await using _one = await watchMachines(queue, { jobId: 'watched' }, (record) => seen.push(record));
    await vi.waitFor(() => expect(seen.some(({ kind }) => kind === 'snapshot')).toBe(true));
    open();
    await fleet.waitForJob('watched', 'completed');
    await fleet.waitForJob('not', 'completed');
    const { steps } = await queue.steps('watched');
    const over = expect.objectContaining({ actor: 'job', kind: 'done', active: ['completed'] });
    expect(steps).toContainEqual(over);
    // Live and kept steps have the same numbers.
    const { index } = steps.find(({ actor, kind }) => actor === 'job' && kind === 'done') ?? {};
    await vi.waitFor(() => expect(seen.find(({ step }) => step === index)).toEqual(over));
    expect(JSON.stringify(steps)).not.toContain('hunter2');
    expect((await queue.steps('not')).total).toBe(0);
  });

  test('is everything where the worker is asked for it, and a job that is cancelled stands nowhere in the end', async () => {
    await using fleet = await started(
      { inspect: { keep: 'all' } },
      { demo: () => 'ok', held: () => gate().opened },
    );
    const { queue } = fleet;
    await queue.addJob('demo', {}, 'normal', { id: 'demo' });
    await fleet.waitForJob('demo', 'completed');
    expect((await queue.steps('demo')).steps).toContainEqual(
      expect.objectContaining({ kind: 'done', active: ['completed'] }),
    );
    await queue.addJob('held', {}, 'normal', { id: 'held' });
    await fleet.waitForJob('held', 'running');
    await queue.cancel('held');
    await vi.waitFor(async () =>
      expect((await queue.steps('held')).steps.at(-1)).toMatchObject({ kind: 'done', status: 'stopped' }),
    );
  });

  test('is nothing where the worker is asked for nothing, and what it is asked is checked', async () => {
    await using fleet = await started({ inspect: { keep: [] } });
    const { queue } = fleet;
    await queue.addJob('counting', { to: 1 }, 'normal', { id: 'none', maxAttempts: 1 });
    await fleet.waitForJob('none', 'exhausted');
    expect((await queue.steps('none')).total).toBe(0);
    const refused = (inspect: unknown) => () => new JobWorkerService(queue, { inspect } as JobWorkerOptions);
    for (const inspect of [{ keep: 'some' }, { keep: 7 }, { observe: 7 }, { kept: 'all' }, 'all'])
      expect(refused(inspect)).toThrow(expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID' }));
  });
});

test('a codec seals what is kept', async () => {
  const key = randomBytes(32).toString('base64');
  const codec = encryption({ keys: { a: key }, current: 'a' });
  await using fleet = await startFleet({ nats, queue: { codec }, handlers: counter });
  const { queue, namespace } = fleet;
  await queue.addJob('counting', { to: 3 }, 'normal', { id: 'sealed', maxAttempts: 1 });
  await fleet.waitForJob('sealed', 'exhausted');
  const stored = await (await queue.broker()).extra.steps.last('sealed');
  expect(Buffer.from(stored?.data ?? []).toString()).not.toContain('counting');
  expect(countsOf((await queue.steps('sealed')).steps).at(-1)).toBe(3);
  await using without = new JobQueueService({ servers: nats.url, namespace });
  expect(await without.steps('sealed')).toMatchObject({ steps: [], total: expect.any(Number) });
});

test('the API and the command line show what is kept', async () => {
  await using fleet = await startFleet({ nats, handlers: counter });
  const payload = { to: 2, title: '</script><b>', password: 'hunter2' };
  await fleet.queue.addJob('counting', payload, 'normal', { id: 'shown', maxAttempts: 1 });
  await fleet.waitForJob('shown', 'exhausted');
  const http = await startHttp(fleet.queue);
  const { json } = await http.call('/api/v1/jobs/shown/steps');
  const page = await http.call('/api/v1/jobs/shown/share', { token: TOKENS.observer });
  expect(page.headers.get('content-disposition')).toBe('attachment; filename="job-shown.html"');
  expectProblem(await http.call('/api/v1/jobs/none/share'), 404, 'JETFLEET_NOT_FOUND');
  await http.server.close();
  expect(json).toEqual(await fleet.queue.steps('shown'));
  const env = { NATS_URL: fleet.url, JETFLEET_NAMESPACE: fleet.namespace };
  const { stdout } = await cli(['job', 'steps', 'shown'], { env });
  expect(stdout).toMatch(/1 {2}counting +xstate\.after\.1\.counting\.odd -> even \(n\)/);
  // The page as a file holds what it shows, and no secret of it; the command line makes the same.
  const shared = await cli(['job', 'share', 'shown'], { env });
  for (const html of [page.text, shared.stdout]) {
    const [, data = ''] = /id="shared">(.*?)<\/script>/.exec(html) ?? [];
    const { answers } = JSON.parse(data) as { answers: Record<string, object> };
    expect(answers['/jobs/shown/steps']).toEqual(json);
    expect(answers['/jobs/shown']).toMatchObject({
      payload: { title: '</script><b>', password: '[masked]' },
    });
    expect(answers['/machines/counting']).toMatchObject({ chart: { id: 'counting' }, counts: {} });
    expect(answers['/machines/counting/svg?standalone=false&details=true']).toContain('<svg');
    expect(html).not.toContain('hunter2');
    expect(html).not.toMatch(/(src|href)="(?!data:)/);
  }
});

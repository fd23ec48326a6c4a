import { existsSync, readdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it, onTestFinished, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { createNovitaProvider, startSimulator } from '../../src/gpu/index.js';
import { JobQueueService, JobWorkerService } from '../../src/index.js';
import { bareEnvironment, killAtTheEnd, startCli } from '../support/cli.js';
import { type Dev, startDev } from '../support/dev.js';
import { asFile, type Example, printedByShell, runFile, runShell, snippetsOf } from '../support/snippets.js';

let dev: Dev;
let env: Record<string, string>;
beforeAll(async () => {
  dev = await startDev();
  env = { ...bareEnvironment({}), NATS_URL: dev.ready.natsUrl } as Record<string, string>;
});
afterAll(async () => {
  dev.child.kill('SIGTERM');
  await dev.ended;
  await rm(dev.folder, { recursive: true });
});

const queueAt = (namespace = '') => new JobQueueService({ servers: dev.ready.natsUrl, namespace });

/** Runs commands to their end. */
async function run(code: string, more: Record<string, string> = {}): Promise<string> {
  return (await printedByShell(code, { ...env, ...more })).join('\n');
}

const runModule = async (code: string, namespace = '') =>
  runFile(await asFile(code), [], { ...env, JETFLEET_NAMESPACE: namespace });

async function completed(queue: JobQueueService, id: string) {
  await expect.poll(() => queue.getJob(id), { timeout: 60_000 }).toMatchObject({ state: 'completed' });
  return queue.getJob(id);
}

async function failed(queue: JobQueueService, id: string): Promise<void> {
  const worker = new JobWorkerService(queue, { sweep: false });
  worker.registerHandler('report', { maxAttempts: 1, handler: () => Promise.reject(new Error('no paper')) });
  await worker.start();
  await queue.addJob('report', {}, 'normal', { id });
  await expect.poll(() => queue.getJob(id)).toMatchObject({ status: 'failed' });
  await worker.shutdown();
}

/** What stands in a snippet for what a reader puts there. */
const ofDev = (code: string) => code.replaceAll(/http:\/\/(127\.0\.0\.1|localhost):8080/g, dev.ready.httpUrl);

/** The snippets by their first line: how each is run to its effect, or the file of the test that does. */
const SNIPPETS: Record<string, Record<string, string | ((code: string) => Promise<void>)>> = {
  'README.md': {
    'npm ci && npm run demo': 'test/integration/demo.test.ts',
    'npm start': 'test/integration/cli-dev.test.ts',
    'nats req jobs.high.create_instance.order-42': async (code) => {
      expect(JSON.parse(await run(code))).toMatchObject({ stream: 'JOBS', seq: expect.any(Number) });
      await using queue = queueAt();
      expect(await completed(queue, 'order-42')).toMatchObject({
        result: { novitaInstanceId: expect.stringMatching(/^sim-/) },
      });
      expect(await completed(queue, 'order-42-monitor')).toMatchObject({ parentId: 'order-42' });
    },
    'npx jetfleet job get order-42': async (code) => {
      await using queue = queueAt('looking');
      const looking = { JETFLEET_NAMESPACE: 'looking' };
      const payload = { url: 'http://127.0.0.1:1/', payload: {} };
      await queue.addJob('send_webhook', payload, 'low', { id: 'order-42', delayMs: 3_600_000 });
      const [get = '', watch = '', stats = ''] = code.trim().split('\n');
      expect(await run(get, looking)).toMatch(/^id +order-42$/m);
      expect(await run(stats, looking)).toMatch(/^send_webhook +1 /m);
      const watching = killAtTheEnd(startCli(watch.split(' ').slice(2), { ...env, ...looking }));
      // It shows what happens from its start on.
      const again = setInterval(async () => {
        await queue.cancel(await queue.addJob('send_webhook', payload, 'low', { delayMs: 3_600_000 }));
      }, 200);
      onTestFinished(() => clearInterval(again));
      expect(await watching.until('stdout', /\n/)).toMatch(/send_webhook.*cancelled/);
      clearInterval(again);
      watching.child.kill('SIGINT');
      expect((await watching.ended).code).toBe(0);
    },
    "import { createInstance, gpuInstances, JobQueueService, JobWorkerService, webhooks } from 'jetfleet';":
      'test/integration/examples.test.ts',
    "import { defineJob, JobQueueService, JobWorkerService, snooze } from 'jetfleet';":
      'test/integration/examples.test.ts',
    "import { JobQueueService } from 'jetfleet';": 'test/integration/examples.test.ts',
    "curl -d '{": async (code) => {
      expect(await run(ofDev(code))).toMatch(/^201 \{"id":"\w{26}"/);
    },
    'PENDING    queued': 'test/unit/machines/job.test.ts',
  },
  'docs/http-api.md': {
    'JETFLEET_HTTP_TOKEN=observer:look-only-1': async (code) => {
      // On this machine alone, and a free port.
      const server = runShell(code.replace('0.0.0.0', '127.0.0.1 --http-port 0 --json'), env);
      const { httpUrl } = JSON.parse(await server.line(/httpUrl/));
      const call = snippetsOf('docs/http-api.md')[1]?.code ?? '';
      const answer = await run(call.replace('http://localhost:8080', httpUrl));
      expect(answer).toMatch(/^201 \{"id":"[^"]+"/);
      expect((await fetch(`${httpUrl}/api/v1/stats`)).status).toBe(401);
    },
    "curl -H 'Authorization: Bearer may-change-1'": 'test/integration/snippets.test.ts',
    '{"type":"about:blank"': async (code) => {
      const { detail: _, ...shown } = JSON.parse(code);
      const answer = await fetch(`${dev.ready.httpUrl}/api/v1/jobs/x`);
      expect(await answer.json()).toMatchObject(shown);
    },
    "import { JobQueueService } from 'jetfleet';": async (code) => {
      const { line, child } = await runModule(code);
      expect(await line(/./)).toMatch(/^200 \{/);
      child.kill();
    },
  },
  'docs/inspect.md': {
    "import { JobQueueService } from 'jetfleet';\nimport { watchFleet }": async (code) => {
      const { lines, ended } = await runModule(code);
      expect(await ended).toBe(0);
      expect(lines.some((line) => line.startsWith('job {'))).toBe(true);
      expect(lines.at(-1)).toBe('{ jobs: [], count: 0 }');
    },
    "import { JobQueueService } from 'jetfleet';": async (code) => {
      await using queue = queueAt('watched');
      const worker = new JobWorkerService(queue, { sweep: false });
      worker.registerHandler('report', { handler: () => 'printed' });
      await worker.start();
      const watching: Example = await runModule(code, 'watched');
      // It hears what comes from then on.
      const runAgain = setInterval(() => {
        void queue.addJob('report', {}, 'normal', { id: 'order-43' }).then(() => queue.cleanup(0));
      }, 300);
      onTestFinished(() => clearInterval(runAgain));
      expect(await watching.line(/<svg/)).toContain('<svg');
      clearInterval(runAgain);
      watching.child.kill('SIGINT');
      expect(await watching.ended).toBe(0);
      await worker.shutdown();
    },
  },
  'docs/simulator.md': {
    "import { createNovitaProvider, startSimulator } from 'jetfleet/gpu';": async (code) => {
      const { lines, ended } = await runModule(code);
      expect(await ended).toBe(0);
      expect(lines).toEqual(['JETFLEET_PROVIDER_TRANSIENT', 'null']);
    },
    "curl -d '{": async (code) => {
      await using simulator = await startSimulator();
      await run(code.replace('http://127.0.0.1:PORT', simulator.url));
      const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url });
      await expect(provider.findByName('jetfleet-a')).rejects.toMatchObject({
        code: 'JETFLEET_PROVIDER_TRANSIENT',
        message: expect.stringContaining('INTERNAL'),
      });
      expect(await provider.findByName('jetfleet-a')).toEqual([]);
    },
  },
  'docs/error-handling.md': {
    'npx jetfleet job list --status failed': async (code) => {
      await using queue = queueAt('failing');
      await failed(queue, 'order-42');
      expect(await run(code, { JETFLEET_NAMESPACE: 'failing' })).toMatch(
        /order-42.*failed[\s\S]*order-42 +pending/,
      );
      expect(await queue.getJob('order-42')).toMatchObject({ state: 'queued' });
    },
  },
  'docs/doctor.md': {
    'npx jetfleet doctor --monitor-url http://127.0.0.1:8222': 'test/integration/cli-doctor.test.ts',
  },
  'docs/guarantees.md': {
    'npm run fault -- --scenario stale-owner': 'test/fault/fault-selection.test.ts',
  },
  'docs/tutorial.md': {
    'npm init -y': 'test/integration/package.test.ts',
    'import { defineJob, handled': 'test/integration/tutorial.test.ts',
    'npx jetfleet worker --handlers': 'test/integration/tutorial.test.ts',
    'npx jetfleet job add transcode --data \'{"file":"a.mp4"': 'test/integration/tutorial.test.ts',
    'npx jetfleet job add transcode --data \'{"file":"shaky.mp4"': 'test/integration/tutorial.test.ts',
    'import assert from': 'test/integration/tutorial.test.ts',
  },
  'CONTRIBUTING.md': {
    'npm ci ': async (code) => {
      const scripts = [...code.matchAll(/npm run (\S+)/g)].map(([, name = '']) => name);
      expect(Object.keys(packageJson.scripts)).toEqual(expect.arrayContaining(scripts));
      expect(existsSync('.ci/run')).toBe(true);
    },
  },
};

const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync('docs').map((name) => `docs/${name}`)]
  .filter((page) => page.endsWith('.md'))
  .flatMap((page) => snippetsOf(page).map((snippet) => ({ page, ...snippet })))
  .filter(({ language }) => language !== 'mermaid');

/** The entry of a snippet. */
function entryOf({ page, code }: (typeof pages)[number]) {
  const entries = Object.entries(SNIPPETS[page] ?? {});
  return entries.find(([beginning]) => code.startsWith(beginning)) ?? [];
}

test('every snippet of README and docs is run by a test', () => {
  const left = pages.filter((snippet) => entryOf(snippet)[1] === undefined);
  expect(left.map(({ page, code }) => `${page}: ${code.split('\n')[0]}`)).toEqual([]);
  const elsewhere = pages.map((snippet) => entryOf(snippet)[1]).filter((how) => typeof how === 'string');
  expect(elsewhere.filter((file) => !existsSync(file))).toEqual([]);
  const known = Object.values(SNIPPETS).flatMap((each) => Object.keys(each));
  expect(pages).toHaveLength(known.length);
});

it.each(
  pages.flatMap((snippet) => {
    const [, how] = entryOf(snippet);
    const name = snippet.code.split('\n').slice(0, 2).join(' ');
    return typeof how === 'function' ? [{ ...snippet, how, name }] : [];
  }),
)('$page: $name', async ({ how, code }) => {
  await how(code);
});

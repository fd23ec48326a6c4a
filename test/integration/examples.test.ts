import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { startSimulator } from '../../src/gpu/index.js';
import { JobQueueService } from '../../src/index.js';
import { generateWebhookSecret } from '../../src/webhooks/index.js';
import { startNats } from '../support/nats.js';
import { asFile, type Example, runFile, snippetsOf } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Runs an example as its reader would, in a process of its own, against the built package. */
async function run(name: string, args: string[] = [], env: Record<string, string> = {}): Promise<Example> {
  return runFile(await asFile(readFileSync(`examples/${name}.ts`, 'utf8')), args, env);
}

/** The pattern of lines of which each must be there. */
function expectLines(lines: string[], patterns: RegExp[]): void {
  for (const pattern of patterns) {
    const isThere = lines.some((line) => pattern.test(line));
    expect(isThere, `${pattern} is not in\n${lines.join('\n')}`).toBe(true);
  }
}

test('job-queue-example runs the jobs of all three types, tells of them and cleans up', async () => {
  const { lines, ended } = await run('job-queue-example');
  expect(await ended).toBe(0);
  expectLines(lines, [
    /^Job [0-9A-Z]{26} \(create_instance\) is completed after 1 attempt/,
    /^Job [0-9A-Z]{26} \(monitor_instance\) is completed after 1 attempt/,
    /^Job [0-9A-Z]{26} \(send_webhook\) is completed after 1 attempt/,
    /^Job [0-9A-Z]{26}-monitor-webhook-running \(send_webhook\) is completed/,
    /^webhook \/status: \{"instanceId":"my-instance","status":"running"/,
    /^webhook \/webhook: \{"type":"instance.running".*"novitaInstanceId":"sim-/,
    /^Queue has 0 pending and 5 completed jobs$/,
    /^By type: \{"create_instance":1,"monitor_instance":2,"send_webhook":2\}$/,
    /^Completed create jobs: [0-9A-Z]{26}$/,
    /^Removed 0 old jobs$/,
    /^Removed 5 finished jobs$/,
    /^Worker stopped, 0 jobs handed back$/,
  ]);
});

test('embedded-service renders, retries, hibernates and refuses reports, and bills the completed ones', async () => {
  const { lines, ended } = await run('embedded-service');
  expect(await ended).toBe(0);
  const outcomes = lines.filter((line) => /: (completed|failed|pending)/.test(line));
  expect(outcomes).toEqual([
    expect.stringMatching(/: completed, attempt 1, .*acme\/1\.pdf","pages":3\}$/),
    expect.stringMatching(/: completed, attempt 2, .*flaky\/2\.pdf/),
    expect.stringMatching(/: completed, attempt 1, .*busy\/3\.pdf/),
    expect.stringMatching(/: failed, attempt 1, JETFLEET_NON_RETRYABLE: there is no account unknown$/),
    expect.stringMatching(/: failed, attempt 0, JETFLEET_PAYLOAD_INVALID: .*month: .*pages: /),
    expect.stringMatching(/: pending, for send_invoice is another service's$/),
  ]);
  const pages = lines.filter((line) => line.includes('renders page'));
  // 3 of acme, 2 of flaky over two attempts, 2 of busy around its nap: none twice.
  expect(pages).toHaveLength(7);
  expect(new Set(pages.map((line) => line.replace(/attempt \d/, ''))).size).toBe(7);
  expect(lines.filter((line) => /^billing: .* has \d pages$/.test(line))).toHaveLength(3);
  expect(lines.at(-1)).toBe('stopped');
});

test('embedded-service shares the server of NATS_URL, and a SIGTERM ends it in order', async () => {
  const namespace = 'reports';
  await using queue = new JobQueueService({ servers: nats.url, namespace });
  const example = await run('embedded-service', ['--serve'], {
    NATS_URL: nats.url,
    JETFLEET_NAMESPACE: namespace,
  });
  expect(await example.line(/^serving/)).toBe(`serving render_report on ${nats.url}`);
  const id = await queue.addJob('render_report', { account: 'acme', month: 5, pages: 1 });
  await example.line(new RegExp(`^billing: ${id} has 1 pages$`));
  example.child.kill('SIGTERM');
  expect(await example.ended).toBe(0);
  expect(example.lines.at(-1)).toBe('stopped');
  expect(await queue.getJob(id)).toMatchObject({
    state: 'completed',
    worker: expect.stringMatching(/^reports-/),
  });
  await queue.addJob('render_report', { account: 'acme', month: 6 });
  // Its consumer counts a message a moment after it is stored.
  const counts = { pendingJobs: 1, processingJobs: 0, completedJobs: 1 };
  await vi.waitFor(async () => expect(await queue.getStats()).toMatchObject(counts));
});

test('http-api mounts the API in an app of its own, beside its routes', async () => {
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'mounted' };
  const { lines, ended } = await run('http-api', [], env);
  expect(await ended).toBe(0);
  expectLines(lines, [
    /^serving on http:\/\/127\.0\.0\.1:\d+$/,
    /^\/hello: the app itself$/,
    /^the events say: completed$/,
    /^1 completed$/,
    /^without a token: 401 JETFLEET_HTTP_UNAUTHORIZED$/,
    /^stopped$/,
  ]);
  const [first, second] = lines
    .filter((line) => line.startsWith('request '))
    .map((line) => line.split(' ').at(-1));
  expect(second).toBe(first);
});

test('the code of README does what is said of it, as it stands', async () => {
  await using simulator = await startSimulator();
  const env = {
    NATS_URL: nats.url,
    JETFLEET_NAMESPACE: 'readme',
    NOVITA_API_KEY: simulator.apiKey,
    JETFLEET_WEBHOOK_SECRET: generateWebhookSecret(),
  };
  const blocks = snippetsOf('README.md').filter(({ language }) => language === 'ts');
  const [rent = '', own = '', follow = ''] = await Promise.all(
    blocks.map(({ code }) =>
      asFile(
        code
          .replace('nats://127.0.0.1:4222', nats.url)
          .replace('createNovitaProvider({', `createNovitaProvider({ baseUrl: '${simulator.url}',`),
      ),
    ),
  );
  const billing = runFile(follow, [], env);
  await using queue = new JobQueueService({ servers: nats.url, namespace: 'readme' });
  // It hears what comes from then on.
  await vi.waitFor(async () => expect(await queue.eventConsumers()).toHaveLength(1));
  const reports = runFile(own, [], env);
  const printed = await reports.line(/^\w{26} Report of May$/);
  const id = printed.slice(0, 26);
  expect(await billing.line(new RegExp(`^${id} `))).toBe(`${id} completed { title: 'Report of May' }`);
  reports.child.kill('SIGTERM');
  expect(await reports.ended).toBe(0);
  const renting = runFile(rent, [], env);
  expect(await renting.line(/./)).toMatch(/^(pending|processing|completed)$/);
  expect(await billing.line(/^\w{26} completed \{$/)).toBeTruthy();
  expect(await billing.line(/^ {2}novitaInstanceId: 'sim-/)).toBeTruthy();
});

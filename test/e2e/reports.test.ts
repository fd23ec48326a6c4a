import { afterAll, beforeAll, expect, it } from 'vitest';
import { NonRetryableError } from '../../src/index.js';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, startLiveSystem } from './live-system.js';

let system: LiveSystem;
let runs = 0;
const open = (path: string) => DashboardPage.open(system.http.url, path);

beforeAll(async () => {
  system = await startLiveSystem(
    {},
    {
      handlers: {
        greet: () => 'hello',
        /** Reports, waits to be released, and reports once more. */
        render: async (job) => {
          job.log('<b>frame 1</b> of 4');
          job.progress({ done: 1, total: 4, message: 'rendering' });
          await job.emit('once upon ');
          await system.held(job.id, job.signal);
          job.log('all frames');
          job.progress(100);
          await job.emit('a time');
        },
        /** Fails for good, and is run again. */
        twice: async (job) => {
          job.log(`run ${++runs}`);
          job.progress({ run: runs });
          await job.emit(`output ${runs}`);
          if (runs === 1) throw new NonRetryableError('not yet');
        },
        /** Fails once. */
        flaky: async (job) => {
          job.log(`try ${job.attempt}`);
          await job.emit({ try: job.attempt });
          if (job.attempt === 1) throw new Error('not yet');
        },
      },
    },
  );
});
afterAll(() => system[Symbol.asyncDispose]());

it('the page of a job shows its progress, its log and its output as they come, and keeps them', async () => {
  await system.fleet.queue.addJob('render', {}, 'normal', { id: 'render-1' });
  await using tab = await open('/jobs/render-1');
  await tab.seeText('1 of 4', '.progress');
  await tab.seeText('rendering', '.progress');
  await tab.seeText('<b>frame 1</b> of 4', '.job-log');
  await tab.seeText('once upon', '.output');
  expect(await tab.violations()).toEqual([]);
  await tab.resize(360);
  expect(await tab.overflow()).toBeLessThanOrEqual(0);
  system.release('render-1');
  await tab.seeText('100 %', '.progress');
  await tab.seeText('all frames', '.job-log');
  await tab.seeText('once upon a time', '.output');
  await tab.seeText('completed', '.badges');
  await tab.goto('/jobs/render-1');
  await tab.seeText('once upon a time', '.output');
  await tab.seeText('100 %', '.progress');
  expect(await tab.text('.job-log')).toMatch(/all frames[\s\S]*frame 1/);
});

it('the page of a job asks for its reports once it has ended no more', async () => {
  await system.fleet.queue.addJob('flaky', {}, 'normal', { id: 'flaky-1' });
  await system.fleet.waitForJob('flaky-1', 'completed');
  await using tab = await open('/');
  const asked: string[] = [];
  tab.page.on('request', (request) => {
    if (request.url().endsWith('/jobs/flaky-1/stream')) asked.push(request.url());
  });
  await tab.goto('/jobs/flaky-1');
  await tab.seeText('try 2', '.job-log');
  expect(await tab.text('.job-log')).toContain('attempt 1 · try 1');
  await tab.seeText('{"try":2}', '.output');
  expect(await tab.text('.output')).not.toContain('{"try":1}');
  // It would be asked again within a second.
  await new Promise((resolve) => setTimeout(resolve, 2_000));
  expect(asked).toHaveLength(1);
});

it('the page of a job that is run again while nobody looks has what it reported then', async () => {
  await system.fleet.queue.addJob('twice', {}, 'normal', { id: 'twice-1' });
  await system.fleet.waitForJob('twice-1', 'rejected');
  await using tab = await open('/jobs/twice-1');
  await tab.seeText('run 1', '.job-log');
  await tab.look('hidden');
  await system.fleet.queue.retry('twice-1');
  await system.fleet.waitForJob('twice-1', 'completed');
  await tab.look('visible');
  await tab.seeText('completed', '.badges');
  await tab.seeText('run 2', '.job-log');
  await tab.seeText('output 2', '.output');
});

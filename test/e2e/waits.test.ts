import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const open = (path: string) => DashboardPage.open(system.http.url, path);

beforeAll(async () => {
  system = await startLiveSystem(
    {},
    {
      handlers: {
        held: ({ id, signal }) => system.held(id, signal),
        order: async (job) => job.waitForSignal('approved', { timeoutMs: 12 * 3_600_000 }),
        endless: async (job) => job.waitForSignal('approved'),
      },
    },
  );
});
afterAll(() => system[Symbol.asyncDispose]());

it('the page of a job shows the signal that it waits for, and sends it', async () => {
  const { queue } = system.fleet;
  await queue.addJob('order', {}, 'normal', { id: 'order-1' });
  await using tab = await open('/jobs/order-1');
  await tab.seeText('approved', '.waits');
  await tab.seeText('goes on without it in 12 h', '.waits');
  await tab.seeText('for the signal approved', '.verdict');
  expect(await tab.violations()).toEqual([]);
  await tab.click('Send a signal');
  await tab.type('dialog textarea', '{oops');
  await tab.click('Send it', 'dialog');
  await tab.seeText('The data is not JSON', 'dialog');
  await tab.type('dialog textarea', '{"by":"Ann"}');
  expect(await tab.violations()).toEqual([]);
  await tab.click('Send it', 'dialog');
  await tab.seeText('The signal approved is on its way to order-1', '.toasts');
  await tab.seeText('completed', '.badges');
  await tab.seeNoMore('.waits');
  expect((await queue.getJob('order-1'))?.result).toEqual({ by: 'Ann' });
});

it('names no time for a wait without an end, and lets an observer only look', async () => {
  const { queue } = system.fleet;
  const token = { token: 'looks-only', role: 'observer' } as const;
  await using http = await startHttpServer(queue, { port: 0, tokens: [token], closeTimeoutMs: 100 });
  await queue.addJob('endless', {}, 'normal', { id: 'endless-1' });
  await system.fleet.waitForJob('endless-1', 'waiting');
  await using tab = await DashboardPage.open(http.url, '/jobs/endless-1', { expectedStatuses: [401] });
  await tab.type('input[name=token]', 'looks-only');
  await tab.press('Enter');
  await tab.seeText('approved', '.waits');
  await tab.seeText('for the signal approved', '.verdict');
  const page = await tab.text('#content');
  expect(page).not.toContain('Next run');
  expect(page).not.toContain('goes on without it');
  expect(page).not.toContain('Send a signal');
});

it('says which job has a unique key, and leads to it from the form that adds another', async () => {
  const { queue } = system.fleet;
  await queue.addJob('held', {}, 'normal', { id: 'sync-1', unique: { key: 'tenant acme' } });
  await system.fleet.waitForJob('sync-1', 'running');
  await using tab = await open('/jobs?add=1');
  await tab.type('input[name=type]', 'held');
  await tab.click('More options', 'dialog');
  await tab.type('input[name=unique]', 'tenant acme');
  expect(await tab.violations()).toEqual([]);
  await tab.click('Add the job', 'dialog');
  await tab.seeText('Nothing was added: sync-1', '.toasts');
  await tab.seeText('sync-1', 'h1');
  await tab.seeText('tenant acme until the job ends', '.facts');
  system.release('sync-1');
  await tab.seeText('tenant acme until the job ended', '.facts');
});

import { afterAll, beforeAll, expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { DashboardPage } from './dashboard-page.js';
import { eventually, type LiveSystem, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const open = (path: string) => DashboardPage.open(system.http.url, path);

beforeAll(async () => {
  system = await startLiveSystem();
  await system.fleet.queue.addJob('greet', {}, 'normal', { id: 'before-1' });
  await system.fleet.waitForJob('before-1', 'completed');
});
afterAll(() => system[Symbol.asyncDispose]());

it('pauses the jobs of a type, says so wherever they are, and resumes them', async () => {
  const { queue } = system.fleet;
  await using tab = await open('/');
  await tab.click('Pause jobs');
  await tab.type('dialog input[name=type]', 'greet');
  await tab.type('dialog input[name=minutes]', '30');
  await tab.type('dialog input[name=reason]', 'a deploy');
  expect(await tab.violations()).toEqual([]);
  await tab.click('Pause them', 'dialog');
  await tab.seeText('greet', '.pauses');
  await tab.seeText('in 30 min: a deploy', '.pauses');
  await tab.seeText('paused', '.data');
  expect(await tab.violations()).toEqual([]);
  await tab.resize(360);
  expect(await tab.overflow()).toBeLessThanOrEqual(0);
  await queue.addJob('greet', {}, 'normal', { id: 'later-1' });
  await tab.goto('/jobs/later-1');
  await tab.seeText('paused', '.page-head .badges');
  expect((await queue.getJob('later-1'))?.state).toBe('queued');
  await tab.goto('/');
  await tab.click('Resume greet');
  await tab.seeText('greet may start again', '.toasts');
  await tab.seeNoMore('.pauses');
  await system.fleet.waitForJob('later-1', 'completed');
});

it('asks before it ends narrower pauses with a wider one', async () => {
  const { queue } = system.fleet;
  await queue.pause({ priority: 'low' });
  await queue.pause({});
  await using tab = await open('/');
  await tab.seeText('All jobs of priority low', '.pauses');
  await tab.seeText('paused', '.bars');
  await tab.click('Resume all jobs');
  await tab.seeText('also ends the pause of all jobs of priority low', 'dialog');
  await tab.click('Keep as it is', 'dialog');
  expect(await queue.paused()).toHaveLength(2);
  await tab.click('Resume all jobs of priority low');
  await tab.seeText('but not that of all jobs', '.toasts');
  // Until then it would ask again.
  await tab.until(() => document.querySelectorAll('.pauses li').length === 1);
  await tab.click('Resume all jobs');
  await tab.seeNoMore('.pauses');
  await eventually(async () => (await queue.paused()).length === 0, 'nothing is paused');
});

it('shows pauses to everybody, and lets only admins change them', async () => {
  const { queue } = system.fleet;
  const token = { token: 'does-things', role: 'operator' } as const;
  await using http = await startHttpServer(queue, { port: 0, tokens: [token], closeTimeoutMs: 100 });
  await queue.pause({ type: 'held', reason: 'an outage' });
  await using tab = await DashboardPage.open(http.url, '/', { expectedStatuses: [401] });
  await tab.type('input[name=token]', 'does-things');
  await tab.press('Enter');
  await tab.seeText('an outage', '.pauses');
  const buttons = await tab.page.$$eval('#content button', (all) => all.map((each) => each.innerText));
  expect(buttons.filter((text) => /Pause|Resume/.test(text))).toEqual([]);
  await queue.resume({});
});

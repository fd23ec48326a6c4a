import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { DashboardPage } from './dashboard-page.js';
import { eventually, type LiveSystem, order, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const TOKENS = [
  { token: 'looks-only', role: 'observer' },
  { token: 'does-things', role: 'operator' },
] as const;

beforeAll(async () => {
  system = await startLiveSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

describe('the workers page', () => {
  // A test that fails in between does not take the others with it.
  afterEach(() => system.fleet.workers[0]?.start());

  it('shows what each runs, and drains and resumes it', async () => {
    const { fleet, http } = system;
    await fleet.queue.addJob('held', {}, 'normal', { id: 'busy-1' });
    await fleet.waitForJob('busy-1', 'running');
    await using tab = await DashboardPage.open(http.url, '/workers');
    await tab.seeText('busy-1', '.worker .lines');
    await tab.click('Drain');
    await tab.click('Drain', 'dialog');
    await tab.seeText('paused', '.worker .badge');
    await tab.click('Resume');
    await tab.click('Resume', 'dialog');
    await tab.seeText('running', '.worker .badge');
  });
});

describe('the machines', () => {
  it('show live where they stand and move, how long they stay, and which jobs stand in a state', async () => {
    const { fleet, http } = system;
    await fleet.queue.addJob('printed', { jams: true }, 'normal', { id: 'jam-1' });
    await fleet.waitForJob('jam-1', 'running');
    await using tab = await DashboardPage.open(http.url, '/machines');
    await tab.seeText('jammed 1', '.card');
    await tab.goto('/machines/printed');
    await tab.see('.drawing [data-state=jammed]');
    await tab.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'no-preference' }]);
    // It is there for less than a second.
    const token = tab.page.waitForSelector('.drawing .token');
    await fleet.queue.addJob('printed', {}, 'normal', { id: 'print-1', maxAttempts: 1 });
    await token;
    await fleet.waitForJob('print-1', 'exhausted');
    const hasTimes = () =>
      [...document.querySelectorAll('tr')].some((row) =>
        /^laying_out[\s\S]*\d+ ms[\s\S]*\d+ ms$/.test(row.innerText.trim()),
      );
    await tab.until(hasTimes);
    const jammed = await tab.page.waitForSelector('.drawing [data-state=jammed] .box');
    await jammed?.click();
    await tab.seeText('jam-1', '.standing');
    expect(new URL(tab.page.url()).searchParams.get('state')).toBe('jammed');
    await tab.wear('light');
    expect(await tab.violations()).toEqual([]);
    await fleet.queue.cancel('jam-1');
    await tab.seeText('Nothing stands in this state now', 'main');
    // Less motion: the arrows that were taken are lit in place of it.
    await fleet.queue.addJob('printed', {}, 'normal', { id: 'print-2', maxAttempts: 1 });
    await tab.see('.drawing .edge.taken');
    await tab.seeNoMore('.drawing .token');
  });
});

describe('the webhooks page', () => {
  it('shows each try with its answer, and delivers again', async () => {
    const { fleet, http } = system;
    const payload = order('gpu-7', fleet.receiver.url);
    await fleet.queue.addJob('create_instance', payload, 'normal', { id: 'rent-7' });
    await eventually(async () => fleet.receiver.requests.length === 1, 'the webhook arrives');
    await using tab = await DashboardPage.open(http.url, '/webhooks');
    await tab.click('rent-7-monitor-webhook-running');
    await tab.seeText('HTTP 204', '.attempts');
    await tab.click('Deliver again');
    await eventually(async () => fleet.receiver.requests.length === 2, 'the webhook arrives again');
  });
});

describe('a server with tokens', () => {
  it('asks for one, keeps it for the tab, and hides what its role may not do', async () => {
    const { fleet } = system;
    await fleet.queue.addJob('greet', {}, 'normal', { id: 'seen-1' });
    await using http = await startHttpServer(fleet.queue, { port: 0, tokens: TOKENS, closeTimeoutMs: 100 });
    await using tab = await DashboardPage.open(http.url, '/jobs/seen-1', { expectedStatuses: [401] });
    await tab.seeText('Sign in to Jetfleet');
    expect(await tab.violations()).toEqual([]);
    await tab.type('input[name=token]', 'wrong');
    await tab.press('Enter');
    await tab.seeText('does not know this token');
    await tab.type('input[name=token]', 'looks-only');
    await tab.press('Enter');
    await tab.seeText('seen-1', 'h1');
    await tab.seeText('completed', 'main');
    const actions = await tab.page.$$eval('.page-head .actions button', (each) =>
      each.map((button) => button.innerText),
    );
    expect(actions).toEqual(['Share']);
    await tab.page.reload();
    await tab.seeText('seen-1', 'h1');
    await tab.click('Sign out');
    await tab.type('input[name=token]', 'does-things');
    await tab.press('Enter');
    await tab.seeText('Run again like this', '.actions');
  });
});

describe('the keyboard', () => {
  it('reaches every page, the search and the help', async () => {
    // The search asks first whether a job has just this id.
    await using tab = await DashboardPage.open(system.http.url, '/', { expectedStatuses: [404] });
    await tab.see('.tile');
    for (const [key, title] of [
      ['j', 'Jobs'],
      ['y', 'History'],
      ['s', 'Schedules'],
      ['l', 'Limits'],
      ['c', 'Money'],
      ['m', 'Machines'],
      ['w', 'Workers'],
      ['h', 'Webhooks'],
      ['d', 'Dead letters'],
      ['a', 'API'],
      ['o', 'Overview'],
    ] as const) {
      await tab.press('g', key);
      await tab.seeText(title, 'h1');
    }
    await tab.press('?');
    await tab.see('dialog[open]');
    await tab.seeText('Keyboard shortcuts', 'dialog');
    await tab.press('Escape');
    await tab.seeNoMore('dialog');
    await tab.press('/');
    await tab.page.keyboard.type('order-');
    await tab.press('Enter');
    await tab.seeText('No job matches this filter');
    expect(tab.page.url()).toContain('id=order-');
  });

  it('keeps the focus in a dialog and gives it back', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/jobs');
    await tab.see('.page-head button.primary');
    await tab.page.focus('.page-head button.primary');
    await tab.press('Enter');
    await tab.see('dialog');
    for (let count = 0; count < 12; count++) await tab.press('Tab');
    const isInside = await tab.page.evaluate(
      () => document.activeElement === document.body || document.activeElement?.closest('dialog') !== null,
    );
    expect(isInside).toBe(true);
    const atClose = await tab.page.evaluateHandle(() => {
      const focused: (string | undefined)[] = [];
      const look = () => {
        if (!document.querySelector('dialog')) focused.push(document.activeElement?.textContent?.trim());
      };
      new MutationObserver(look).observe(document.body, { childList: true, subtree: true });
      return focused;
    });
    await tab.press('Escape');
    await tab.seeNoMore('dialog');
    expect(await atClose.evaluate(([first]) => first)).toBe('Add a job');
    expect(await tab.page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Add a job');
  });
});

describe('the live connection', () => {
  it('says so when the server is gone, and comes back by itself', async () => {
    const { fleet } = system;
    const first = await startHttpServer(fleet.queue, { port: 0, tokens: [], closeTimeoutMs: 100 });
    await using tab = await DashboardPage.open(first.url, '/', { serverMayBeGone: true });
    await tab.see('.live.open');
    await first.close();
    await tab.seeText('The server does not answer', '.banner');
    await using _again = await startHttpServer(fleet.queue, { port: first.port, tokens: [] });
    await tab.see('.live.open');
    await tab.seeNoMore('.banner');
  });
});

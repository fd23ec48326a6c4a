import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { clickThrough } from './click-through.js';
import { DashboardPage } from './dashboard-page.js';
import { eventually, type LiveSystem, order, startLiveSystem } from './live-system.js';

let system: LiveSystem;

/** Each page, with what shows that it has loaded. */
const PAGES: [name: string, path: string, ready: string][] = [
  ['overview', '/', '.panel .data'],
  ['jobs', '/jobs', '.data.jobs tbody tr'],
  ['job', '/jobs/order-1', '.drawing .state'],
  ['history', '/history', '.plot.tall canvas'],
  ['schedules', '/schedules', '.data tbody tr'],
  ['limits', '/limits', '.data tbody tr'],
  ['money', '/money', '.data tbody tr'],
  ['machines', '/machines', '.card'],
  ['machine', '/machines/job', '.drawing .state'],
  ['workers', '/workers', '.worker .bars'],
  ['webhooks', '/webhooks', '.data tbody tr'],
  ['webhook', '/webhooks/order-1-monitor-webhook-running', '.attempts'],
  ['endpoints', '/endpoints', '.data tbody tr'],
  ['dead-letters', '/dead-letters', '.data.jobs .error-text'],
  ['audit', '/audit', '.data tbody tr'],
  ['api', '/api', '.route'],
];

/** Of rows that differ in their text alone, a few show what all break. */
const ROWS = 4;

beforeAll(async () => {
  const env = { ...process.env, JETFLEET_WEBHOOK_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}` };
  system = await startLiveSystem({ environment: 'staging' }, { queue: { env } });
  const { fleet } = system;
  const { queue, receiver } = fleet;
  const payload = order('gpu-1', receiver.url);
  await queue.addJob('create_instance', payload, 'high', { id: 'order-1' });
  await queue.addJobs(
    Array.from({ length: ROWS }, (_, number) => ({
      type: 'greet',
      payload: { name: `customer ${number}` },
      priority: (['critical', 'high', 'normal', 'low'] as const)[number % 4],
    })),
  );
  for (const id of ['invoice-1', 'invoice-2', 'invoice-3']) {
    await queue.addJob('broken', { id }, 'normal', { id, maxAttempts: 1 });
  }
  for (const id of ['invoice-1', 'invoice-2', 'invoice-3'])
    await fleet.waitForJob(id, ({ status }) => status === 'failed');
  for (const id of ['video-1', 'video-2']) await queue.addJob('held', { id }, 'normal', { id });
  await queue.schedule(
    'nightly',
    'greet',
    { name: 'report' },
    { cron: '0 3 * * *', timeZone: 'Europe/Berlin' },
  );
  const { webhookEndpoints } = queue;
  await webhookEndpoints.add({ id: 'billing', url: 'https://example.com/hooks', events: ['bench.none'] });
  await webhookEndpoints.add({
    id: 'audit',
    url: 'https://example.com/audit',
    events: ['bench.none'],
    ordered: true,
  });
  await webhookEndpoints.disable('audit', 'moves to another host');
  await queue.addJob('transcribe', { file: 'a.wav' }, 'low', { id: 'nobody-1' });
  await fleet.waitForJob('order-1', 'completed');
  await fleet.waitForJob('order-1-monitor', 'completed');
  await eventually(async () => receiver.requests.length > 0, 'the webhook arrives');
  await fetch(`${system.http.url}/api/v1/pauses/resume`, { method: 'POST' });
});
afterAll(() => system[Symbol.asyncDispose]());

it.each(PAGES)(
  'the %s page shuts nobody out, light or dark, and fits a small window and a phone',
  async (_, path, ready) => {
    await using tab = await DashboardPage.open(system.http.url, path);
    await tab.see(ready);
    for (const theme of ['light', 'dark'] as const) {
      await tab.wear(theme);
      // Another theme has the same page in other colours.
      expect(await tab.violations(theme === 'dark' ? ['color-contrast'] : undefined)).toEqual([]);
    }
    expect(await tab.unreachable()).toEqual([]);
    await tab.resize(1024);
    expect(await tab.cutOff()).toEqual([]);
    await tab.resize(360);
    expect(await tab.overflow()).toBeLessThanOrEqual(0);
  },
  90_000,
);

describe('the buttons of all pages', () => {
  it('open dialogs that shut nobody out and close by key, and change nothing until they are told to', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/', { expectedStatuses: [403] });
    const asked = new Set<string>();
    const dialogs = new Set<string>();
    for (const [name, path, ready] of PAGES) {
      const seen = await clickThrough(tab, async () => {
        await tab.follow(path);
        await tab.see(ready);
      });
      expect.soft(seen.faults, name).toEqual([]);
      for (const each of seen.asked) asked.add(each);
      for (const each of seen.dialogs) dialogs.add(each);
    }
    // They were found, and clicked.
    expect(dialogs.size).toBeGreaterThan(8);
    expect(asked.size).toBeGreaterThan(3);
  }, 180_000);

  it('change nothing for an observer, who is offered no dialog that would', async () => {
    const token = { token: 'only-looks', role: 'observer' } as const;
    const options = { port: 0, tokens: [token], closeTimeoutMs: 100 };
    await using http = await startHttpServer(system.fleet.queue, options);
    await using tab = await DashboardPage.open(http.url, '/', { expectedStatuses: [401, 403] });
    await tab.type('input[name=token]', token.token);
    await tab.press('Enter');
    await tab.see('#menu a');
    for (const [name, path, ready] of PAGES) {
      const { asked, dialogs } = await clickThrough(tab, async () => {
        await tab.follow(path);
        await tab.see(`${ready}, .empty`);
      });
      expect.soft({ asked, dialogs }, name).toEqual({ asked: [], dialogs: [] });
    }
  }, 120_000);
});

it('endpoints are added, tested and rotated, with a secret that is shown once', async () => {
  const { queue } = system.fleet;
  await using tab = await DashboardPage.open(system.http.url, '/endpoints');
  await tab.click('Add an endpoint');
  await tab.type('dialog input[name=url]', `${system.fleet.receiver.url}/hooks`);
  await tab.type('dialog input[name=id]', 'by-hand');
  await tab.type('dialog input[name=events]', 'bench.none, endpoint.*');
  await tab.click('Add the endpoint', 'dialog');
  await tab.seeText('whsec_', 'dialog');
  const first = await tab.text('dialog code');
  await tab.click('I have copied it', 'dialog');
  await tab.seeText('by-hand', '.data');
  expect(await queue.webhookEndpoints.get('by-hand')).toMatchObject({ events: ['bench.none', 'endpoint.*'] });
  await tab.click('Rotate secret', '.data tr:last-child');
  await tab.click('Rotate', 'dialog');
  await tab.seeText('whsec_', 'dialog');
  expect(await tab.text('dialog code')).not.toBe(first);
  await tab.click('I have copied it', 'dialog');
  await tab.click('Replay failed', '.data tr:last-child');
  await tab.seeText('0 webhooks failed to by-hand.');
  await queue.webhookEndpoints.remove('by-hand');
});

describe('the history', () => {
  const queryOf = (tab: DashboardPage) => new URL(tab.page.url()).searchParams;

  it('is read and zoomed into by keyboard, and the jobs below are those of the time shown', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/history');
    await tab.see('.plot.tall canvas');
    await tab.page.focus('.plot.tall');
    const valueText = () => tab.page.$eval('.plot.tall', (plot) => plot.getAttribute('aria-valuetext'));
    expect(await valueText()).toMatch(/^\d\d:\d\d: completed \d+, retried \d+, failed \d+, cancelled \d+$/);
    await tab.press('ArrowLeft', 'Home');
    expect(await valueText()).toMatch(/: completed 0,/);
    await tab.page.keyboard.down('Shift');
    await tab.press('ArrowRight', 'ArrowRight');
    await tab.page.keyboard.up('Shift');
    await tab.press('Enter');
    await tab.seeText('No job that is still kept matches', 'main');
    const [since, until] = ['since', 'until'].map((end) => Date.parse(queryOf(tab).get(end) ?? ''));
    // Three steps of five minutes each.
    expect((until ?? 0) - (since ?? 0)).toBe(900_000);
    await tab.click('Zoom out');
    await tab.seeText('invoice-1', '.data.jobs');
    expect(queryOf(tab).has('since')).toBe(false);
  });

  it('is zoomed into by dragging, and shows the jobs of one type, worker or tag', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/history?range=1h');
    await tab.see('.plot.tall canvas');
    const box = await (await tab.page.$('.plot.tall .u-over'))?.boundingBox();
    const { x = 0, y = 0, width = 0 } = box ?? {};
    await tab.page.mouse.move(x + width / 2, y + 20);
    await tab.page.mouse.down();
    await tab.page.mouse.move(x + width - 4, y + 20, { steps: 3 });
    await tab.page.mouse.up();
    await tab.seeText('Zoom out', '.page-head');
    expect(queryOf(tab).get('range')).toBe('custom');
    await tab.click('broken', 'main .panel');
    await tab.seeText('type broken', '.about-history');
    await tab.seeText('invoice-1', '.data.jobs');
    expect(await tab.text('.data.jobs')).not.toContain('order-1');
    await tab.click('worker', 'fieldset[aria-label=By]');
    const name = await (await tab.page.waitForSelector('main .grid .data tbody th a'))?.evaluate((link) => {
      (link as HTMLElement).click();
      return link.textContent ?? '';
    });
    await tab.seeText(`worker ${name}`, '.about-history');
    await tab.until(() => new URLSearchParams(location.search).get('type') === null);
    await tab.seeText('invoice-1', '.data.jobs');
    await tab.seeText('Worker', '.filters');
  });
});

describe('the overview', () => {
  let failed = 3;

  it('counts by status and warns of types that nobody handles', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/');
    await tab.seeText('No worker handles transcribe', '.banner');
    await tab.seeText('without a worker from', '.tile.pending');
    await tab.seeText(`${failed}`, '.tile.failed');
    await tab.seeText('staging', '.environment');
    await tab.seeText('greet', '.data');
  });

  it('follows what happens without being asked to', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/');
    await tab.seeText(`${failed}`, '.tile.failed');
    failed += 1;
    await system.fleet.queue.addJob('broken', {}, 'normal', { id: 'invoice-4', maxAttempts: 1 });
    await tab.seeText(`${failed}`, '.tile.failed');
  });
});

it('the overview leads to all failed jobs, of which the cancelled ones are no dead letters', async () => {
  const { queue } = system.fleet;
  await queue.addJob('transcribe', {}, 'low', { id: 'nobody-2' });
  await queue.cancel('nobody-2');
  await using tab = await DashboardPage.open(system.http.url, '/');
  await tab.seeText('with those that were cancelled', '.tile.failed');
  await tab.page.$eval('.tile.failed', (tile) => (tile as HTMLElement).click());
  await tab.seeText('nobody-2', '.data.jobs');
  await tab.click('Dead letters', '#menu');
  await tab.seeText('invoice-1', '.data.jobs');
  expect(await tab.text('.data.jobs')).not.toContain('nobody-2');
});

describe('the machines', () => {
  it('count live how many jobs stand in each state', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/machines/job');
    await tab.see('.drawing .state');
    const count = () =>
      tab.page.$eval('[data-count-of="processing.running"]', ({ textContent }) => textContent);
    await eventually(async () => (await count()) === '2', 'two jobs run');
    await system.fleet.queue.addJob('held', {}, 'normal', { id: 'video-3' });
    await eventually(async () => (await count()) === '3', 'a third job runs');
    system.release('video-3');
    await eventually(async () => (await count()) === '2', 'two jobs run again');
  });

  it('have charts to read and to move about in, with what stands behind an arrow on hover', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/machines/job');
    await tab.resize(1440);
    await tab.see('.drawing .state');
    /** The smallest text of the chart, and how much of it is out of sight, in pixels. */
    const look = () =>
      tab.page.$eval('.state-chart', (box) => {
        const texts = [...box.querySelectorAll<SVGTextElement>('.drawing text')];
        const sizes = texts.map((text) => {
          const { a = 0 } = text.getScreenCTM() ?? {};
          return Number(text.getAttribute('font-size')) * a;
        });
        const [right, down] = [box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight];
        return { smallest: Math.min(...sizes), hidden: Math.max(0, right, down) };
      });
    const { smallest, hidden } = await look();
    expect(smallest).toBeGreaterThanOrEqual(11);
    expect(hidden).toBe(0);
    // Of several texts at one line, each is there once.
    expect((await tab.text('.drawing')).match(/after attemptTimeout/g)).toHaveLength(1);
    await tab.page.hover('[data-edge="pending#0"] .label');
    await tab.seeText('CLAIM if attemptsLeft / beginAttempt', '.chart-card');
    await tab.press('Escape');
    await tab.seeNoMore('.chart-card');

    await tab.page.focus('.state-chart');
    await tab.press('+', '+');
    await tab.see('.minimap');
    await tab.seeText('Drag or scroll to see the rest', '.chart-tools');
    expect((await look()).smallest).toBeGreaterThan(smallest * 1.5);
    const scrolledTo = () => tab.page.$eval('.state-chart', ({ scrollLeft }) => scrollLeft);
    const before = await scrolledTo();
    const drawing = await tab.page.$('.drawing');
    const { x = 0, y = 0 } = (await drawing?.boundingBox()) ?? {};
    await tab.page.mouse.move(x + before + 300, y + 200);
    await tab.page.mouse.down();
    await tab.page.mouse.move(x + before + 200, y + 200);
    await tab.page.mouse.up();
    expect((await scrolledTo()) - before).toBe(100);
    await tab.click('Fit');
    await tab.seeNoMore('.minimap');
    expect((await look()).hidden).toBe(0);
    await tab.click('Guards and actions');
    await tab.seeText('[attemptsLeft]', '.drawing');
    expect(await tab.violations()).toEqual([]);
  });

  it('name every transition in a table', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/machines/create_instance');
    await tab.see('.drawing .state');
    await tab.seeText('lookingUp', '.data');
  });
});

describe('the API page', () => {
  it('shows the routes, their roles and an example', async () => {
    await using tab = await DashboardPage.open(system.http.url, '/api');
    await tab.see('.route');
    await tab.type('.filters input', 'cancel');
    await tab.seeText('/api/v1/jobs/{id}/cancel', '.route-path');
    await tab.page.$eval('.route summary', (element) => (element as HTMLElement).click());
    await tab.seeText('curl -X POST', '.route pre');
    await tab.seeText('operator', '.role');
  });
});

it('says so where there is no page or no job', async () => {
  await using tab = await DashboardPage.open(system.http.url, '/nowhere', { expectedStatuses: [404] });
  await tab.seeText('There is no page at this address');
  await tab.goto('/jobs/missing-1');
  await tab.seeText('There is no job missing-1');
});

it('loads at most 80 KB of script first: charts and the palette come later', async () => {
  const page = await (await fetch(system.http.url)).text();
  const seen = new Map<string, number>();
  const load = async (path: string) => {
    if (seen.has(path)) return;
    const text = await (await fetch(new URL(path, system.http.url))).text();
    seen.set(path, gzipSync(text).length);
    // What is imported by a statement; `import(…)` is for later.
    for (const [, next] of text.matchAll(/\b(?:from|import)"\.\/([\w.-]+\.js)"/g))
      await load(`/assets/${next}`);
  };
  const scripts = [...page.matchAll(/<script[^>]* src="([^"]+)"/g)].map(([, path]) => path as string);
  for (const path of scripts) await load(path);
  expect(seen.size).toBeGreaterThan(0);
  expect([...seen.values()].reduce((sum, bytes) => sum + bytes, 0)).toBeLessThanOrEqual(80 * 1024);
});

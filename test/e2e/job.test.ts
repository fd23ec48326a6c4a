import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { fromPromise, setup } from 'xstate';
import { gate } from '../support/gate.js';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, order, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const open = (path: string) => DashboardPage.open(system.http.url, path);
/** Where the job stands, on the way that it has gone; and where a machine does, on its chart. */
const lit = (state: string) => `.crumb.lit[data-state="${state}"]`;
const litInside = (state: string) => `.state.lit[data-state="${state}"]`;
/** The worker takes no job until `resume`, so that a page is open before the job begins. */
const pause = async () => system.fleet.workers[0]?.stop();
const resume = async () => system.fleet.workers[0]?.start();
// A test that fails while it is paused does not take the others with it.
afterEach(resume);
/** A transition must show on the chart within this time. */
const FOLLOWS_WITHIN_MS = 500;

/** How many milliseconds after its record each state of a new job is lit. */
async function follow(id: string): Promise<{ running: number; completed: number }> {
  await pause();
  await system.fleet.queue.addJob('held', {}, 'normal', { id });
  await using tab = await open(`/jobs/${id}`);
  await tab.see(lit('pending.queued'));
  await resume();
  const litAt = (state: string) => tab.see(lit(state)).then(() => Date.now());
  const reachedAt = async (state: 'running' | 'completed') =>
    Date.parse((await system.fleet.waitForJob(id, state)).updatedAt);
  const running = (await litAt('processing.running')) - (await reachedAt('running'));
  system.release(id);
  const completed = (await litAt('completed')) - (await reachedAt('completed'));
  return { running, completed };
}

beforeAll(async () => {
  system = await startLiveSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

describe('the page of a job', () => {
  it('follows each transition within half a second', async () => {
    // A busy machine may be late by itself, but not each time.
    const fastest = { running: Number.POSITIVE_INFINITY, completed: Number.POSITIVE_INFINITY };
    for (let n = 1; n <= 6 && Math.max(...Object.values(fastest)) >= FOLLOWS_WITHIN_MS; n++) {
      const followed = await follow(`follow-${n}`);
      fastest.running = Math.min(fastest.running, followed.running);
      fastest.completed = Math.min(fastest.completed, followed.completed);
    }
    expect(Math.max(...Object.values(fastest))).toBeLessThan(FOLLOWS_WITHIN_MS);
  });

  it('has the chart that its type runs below it, and both move', async () => {
    const { queue, simulator } = system.fleet;
    // It begins when the page looks, and takes its time with the first step.
    await pause();
    simulator.faults.add({ kind: 'slow', route: 'GET /products', delayMs: 1_000, times: 1 });
    await queue.addJob('create_instance', order('gpu-9'), 'normal', { id: 'rent-9' });
    await using tab = await open('/jobs/rent-9');
    await tab.seeText('Inside running: create_instance');
    await tab.see(lit('pending.queued'));
    await resume();
    await tab.see(lit('completed'));
    await tab.seeText('lookingUp', '.log');
    await tab.click('Chart of every job');
    await tab.see(litInside('completed'));
    await tab.see('.life-chart .edge.lit');
    await tab.click('Sequence');
    await tab.see('.sequence .message');
    await tab.click('Context');
    await tab.seeText('instanceName', '.contexts');
    expect(await tab.violations()).toEqual([]);
  });
});

it('lights the last arrow of each region, with the machines that are invoked side by side', async () => {
  const { queue } = system.fleet;
  const { open: goOn, opened } = gate();
  const inner = setup({ actors: { wait: fromPromise(() => opened) } }).createMachine({
    ...{ id: 'inner', initial: 'waiting' },
    states: { waiting: { invoke: { src: 'wait', onDone: 'over' } }, over: { type: 'final' } },
  });
  const machine = setup({ actors: { inner } }).createMachine({
    ...{ id: 'regions', initial: 'both', output: { kind: 'completed' } },
    states: {
      both: {
        type: 'parallel',
        states: {
          left: { initial: 'off', states: { off: { after: { 100: 'on' } }, on: { type: 'final' } } },
          right: {
            initial: 'idle',
            states: {
              idle: { after: { 200: 'busy' } },
              busy: { invoke: { src: 'inner', onDone: 'rest' } },
              rest: { type: 'final' },
            },
          },
        },
        onDone: 'end',
      },
      end: { type: 'final' },
    },
  });
  const worker = await system.fleet.addWorker({ regions: { chart: machine as never } });
  await queue.addJob('regions', null, 'normal', { id: 'regions-1' });
  await using tab = await open('/jobs/regions-1');
  await tab.seeText('Inside running: inner');
  await tab.see('[data-edge="both.left.off#0"].lit');
  await tab.see('[data-edge="both.right.idle#0"].lit');
  const tops = await tab.page.$$eval('.grid.charts .panel', (panels) =>
    panels.map((panel) => Math.round(panel.getBoundingClientRect().top)),
  );
  expect(tops).toEqual([tops[0], tops[0]]);
  expect(await tab.violations()).toEqual([]);
  goOn();
  await system.fleet.waitForJob('regions-1', 'completed');
  await tab.see('[data-state="end"].lit');
  await worker.stop();
});

describe('a finished job', () => {
  beforeAll(async () => {
    await system.fleet.queue.addJob('broken', {}, 'normal', { id: 'replay-1', maxAttempts: 2 });
    await system.fleet.waitForJob('replay-1', 'exhausted');
  });

  it('replays its life, by mouse and by keyboard', async () => {
    await using tab = await open('/jobs/replay-1');
    await tab.see(lit('failed.exhausted'));
    // The way there stands out, and what it did not touch steps back.
    await tab.click('Chart of every job');
    await tab.see('.drawing .edge.walked');
    const opacityOf = (selector: string) =>
      tab.page.$eval(selector, (element) => Number(getComputedStyle(element).opacity));
    expect(await opacityOf('.edge.walked:not(.lit)')).toBe(1);
    expect(await opacityOf('.drawing [data-state="failed.expired"]')).toBeLessThan(1);
    await tab.press('ArrowLeft');
    await tab.see(lit('processing.running'));
    await tab.press('ArrowLeft');
    await tab.see(lit('pending.retrying'));
    await tab.click('Back to now');
    await tab.see(lit('failed.exhausted'));
    await tab.press('Tab');
    await tab.page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await tab.press('Space');
    await tab.see(lit('pending.queued'));
    await tab.see(lit('processing.running'));
    await tab.click('Pause the replay');
    await tab.see('[aria-label="Replay the job"]');
  });

  it('names each attempt with its error', async () => {
    await using tab = await open('/jobs/replay-1');
    await tab.seeText('Attempt 2', '.attempts');
    await tab.seeText('the printer is out of <b>paper</b>', '.attempts');
    await tab.see('.lane .bar[aria-label^="Waits to retry"]');
  });

  it('runs again, as it is or like it', async () => {
    await using tab = await open('/jobs/replay-1');
    await tab.click('Retry');
    await tab.seeText('replay-1 runs again', '.toasts');
    await system.fleet.waitForJob('replay-1', (job) => job.redrives === 1);
    await tab.click('Run again like this');
    await tab.click('Add the job', 'dialog');
    await tab.until(() => !document.querySelector('h1')?.innerText.startsWith('replay-1'));
    await tab.seeText('broken', '.badges');
  });
});

it('runs a failed job again once with another payload, and says what is wrong with one', async () => {
  const { queue } = system.fleet;
  await queue.addJob('broken', {}, 'normal', { id: 'edited-1', maxAttempts: 1 });
  await system.fleet.waitForJob('edited-1', 'exhausted');
  await using tab = await open('/jobs/edited-1');
  await tab.click('Edit and retry');
  await tab.type('dialog textarea', '{oops');
  await tab.click('Retry the job', 'dialog');
  await tab.seeText('The payload is not JSON', 'dialog');
  await tab.type('dialog textarea', '{"paper":"A4"}');
  let retries = 0;
  tab.page.on('request', (request) => {
    if (request.url().endsWith('/jobs/edited-1/retry')) retries += 1;
  });
  await tab.page.$eval('dialog button[type=submit]', async (button) => {
    (button as HTMLElement).click();
    await new Promise((resolve) => setTimeout(resolve));
    (button as HTMLElement).click();
  });
  await tab.seeText('edited-1 runs again with another payload', '.toasts');
  expect(await system.fleet.waitForJob('edited-1', ({ redrives }) => redrives === 1)).toMatchObject({
    payload: { paper: 'A4' },
  });
  expect(retries).toBe(1);
});

it('cancels a job that runs', async () => {
  const { queue } = system.fleet;
  await queue.addJob('held', {}, 'normal', { id: 'stop-1' });
  await system.fleet.waitForJob('stop-1', 'running');
  await using tab = await open('/jobs/stop-1');
  await tab.see(lit('processing.running'));
  await tab.click('Cancel');
  await tab.click('Cancel the job', 'dialog');
  await tab.see(lit('failed.cancelled'));
  expect((await queue.getJob('stop-1'))?.state).toBe('cancelled');
});

it('links the jobs that followed, and their webhooks', async () => {
  const { queue, receiver } = system.fleet;
  const payload = order('gpu-8', receiver.url);
  await queue.addJob('create_instance', payload, 'normal', { id: 'rent-8' });
  await system.fleet.waitForJob('rent-8', 'completed');
  await using tab = await open('/jobs/rent-8');
  await tab.click('rent-8-monitor');
  await tab.seeText('rent-8-monitor', 'h1');
  await tab.seeText('rent-8', '.facts');
  await tab.seeText('tells of rent-8-monitor', '.family');
  await tab.see('.lanes .lane-name a[href^="/webhooks/"]');
});

it('says what happened and what to do, and replays every step of a machine after its end, by a link too', async () => {
  const { queue } = system.fleet;
  await queue.addJob('printed', { text: 'x'.repeat(3_000) }, 'normal', { id: 'print-1', maxAttempts: 1 });
  await system.fleet.waitForJob('print-1', 'exhausted');
  await using tab = await open('/jobs/print-1');
  await tab.seeText('its only attempt failed', '.verdict');
  await tab.seeText('What to do:', '.verdict');
  await tab.seeText('NonRetryableError', '.advice');
  // Where it failed is seen without that anybody had watched.
  await tab.see(litInside('printing'));
  await tab.see('.lane .bar[aria-label^="laying_out"]');
  await tab.page.$eval('.lane .bar[aria-label^="laying_out"]', (bar) => (bar as HTMLElement).click());
  await tab.see(litInside('laying_out'));
  await tab.see(lit('processing.running'));
  await tab.until(() => new URLSearchParams(location.search).has('step'));
  const link = await tab.page.evaluate(() => location.pathname + location.search);
  await tab.goto('/jobs/print-1');
  await tab.see(litInside('printing'));
  await tab.goto(link);
  await tab.see(litInside('laying_out'));
  await tab.click('Context');
  await tab.seeText('pages: 0', '.contexts');
  await tab.seeText('[masked]', '.contexts');
  // As a file it is the same, without a server.
  const html = await (await fetch(`${system.http.url}/api/v1/jobs/print-1/share`)).text();
  const file = join(await mkdtemp(join(tmpdir(), 'jetfleet-share-')), 'print-1.html');
  await writeFile(file, html);
  await tab.page.goto(`file://${file}`);
  await tab.seeText('its only attempt failed', '.verdict');
  await tab.see(litInside('printing'));
  await tab.page.$eval('.lane .bar[aria-label^="laying_out"]', (bar) => (bar as HTMLElement).click());
  await tab.see(litInside('laying_out'));
  await rm(dirname(file), { recursive: true });
  await tab.goto(link);
  // A large payload is folded, and can be searched.
  await tab.see('.json-panel details:not([open])');
  expect(await tab.violations()).toEqual([]);
  expect(await tab.overflow()).toBe(0);
});

it('shows no machine of a cancelled job where it stood last', async () => {
  const { queue } = system.fleet;
  await queue.addJob('printed', { jams: true }, 'normal', { id: 'jam-1' });
  await system.fleet.waitForJob('jam-1', 'running');
  await using tab = await open('/jobs/jam-1');
  await tab.see(litInside('jammed'));
  await queue.cancel('jam-1');
  await tab.see(lit('failed.cancelled'));
  await tab.seeText('ends: stopped', '.log');
  await tab.seeNoMore(litInside('jammed'));
  await tab.page.$eval('.replay input', (slider) => (slider as HTMLElement).focus());
  await tab.press('Home');
  await tab.see(lit('pending.queued'));
});

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FlowJob } from '../../src/index.js';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const open = (path: string) => DashboardPage.open(system.http.url, path);
/** The row of a job among those that belong together. */
const row = (name: string, state: string) => (page: DashboardPage) =>
  page.until(
    (wanted, word) =>
      [...document.querySelectorAll<HTMLElement>('.family li')].some(
        (item) =>
          item.querySelector<HTMLElement>('.id')?.innerText === wanted &&
          item.querySelector<HTMLElement>('.badge')?.innerText.includes(word),
      ),
    name,
    state,
  );

beforeAll(async () => {
  system = await startLiveSystem(
    {},
    {
      handlers: {
        greet: () => 'hello',
        held: ({ id, signal }) => system.held(id, signal),
        broken: () => {
          throw new Error('the printer is out of paper');
        },
        parent: async (job) => {
          await job.children([
            { type: 'greet', payload: {}, key: 'first' },
            { type: 'held', payload: {}, key: 'second' },
          ]);
          return 'done';
        },
      },
    },
  );
});
afterAll(() => system[Symbol.asyncDispose]());

describe('the page of a flow', () => {
  it('shows where each of its jobs stands, live, and leads to it and back to the whole', async () => {
    await system.fleet.queue.addFlow(
      {
        jobs: {
          fetch: { type: 'held', payload: {} },
          clean: { type: 'greet', payload: {}, onFailure: 'ignore' },
          report: { type: 'greet', payload: {}, after: ['fetch', 'clean'] },
        },
      },
      { id: 'flow-1' },
    );
    await using tab = await open('/jobs/flow-1');
    await row('fetch', 'running')(tab);
    await row('clean', 'completed')(tab);
    await row('report', 'blocked')(tab);
    await tab.seeText('1 of 3 completed', '.family-progress');
    await tab.seeText('after fetch, clean', '.family');
    await tab.see('.drawing .job.processing.lit[data-state=fetch]');
    await tab.see('.drawing .job.blocked[data-state=report]');
    expect(await tab.violations()).toEqual([]);
    system.release('flow-1-fetch');
    await row('report', 'completed')(tab);
    await tab.see('.drawing .job.completed[data-state=report]');
    await tab.see('.lanes .lane-name a[href="/jobs/flow-1-report"]');
    await tab.see('.lane .bar[aria-label^="flow-1-fetch"]');
    const file = await (await fetch(`${system.http.url}/api/v1/jobs/flow-1/share`)).text();
    expect(file).toContain('"/flows/flow-1/svg?standalone=false":"\\u003csvg');
    // By keyboard from box to box, and from there to the job.
    await tab.page.$eval('.drawing [data-state=fetch]', (box) => (box as SVGGElement).focus());
    await tab.press('ArrowRight');
    await tab.press('Enter');
    await tab.until(() => document.querySelector('h1')?.innerText === 'flow-1-clean');
    await tab.see('.drawing .job.here[data-state=clean]');
    await tab.seeText('3 of 3 completed', '.family-progress');
    await tab.click('report', '.family');
    await tab.seeText('flow-1-report', 'h1');
    await tab.seeText('this job', '.family [aria-current]');
    await tab.click('flow-1', '.family');
    await tab.until(() => document.querySelector('h1')?.innerText === 'flow-1');
    await tab.resize(360);
    expect(await tab.overflow()).toBeLessThanOrEqual(0);
  });

  it('says which job has failed, why, and which never ran', async () => {
    await system.fleet.queue.addFlow(
      {
        jobs: {
          print: { type: 'broken', payload: {}, maxAttempts: 1 },
          post: { type: 'greet', payload: {}, after: ['print'] },
        },
      },
      { id: 'flow-2' },
    );
    await using tab = await open('/jobs/flow-2');
    await row('print', 'failed')(tab);
    await tab.seeText('the printer is out of paper', '.family');
    await row('post', 'dropped')(tab);
    await tab.seeText('1 failed', '.family-progress');
  });
});

it('a box that stands for many leads to their list, also of those that never ran', async () => {
  const many = Array.from({ length: 14 }, (_, index): [string, FlowJob] => [
    `post-${index}`,
    { type: 'greet', payload: {}, after: ['print'] },
  ]);
  await system.fleet.queue.addFlow(
    { jobs: { print: { type: 'broken', payload: {}, maxAttempts: 1 }, ...Object.fromEntries(many) } },
    { id: 'flow-3' },
  );
  await using tab = await open('/jobs/flow-3');
  await tab.until(
    () =>
      document.querySelector('.drawing [data-state="post-0"] .stand')?.textContent ===
      '0 of 14 completed, 14 dropped',
  );
  await tab.page.$eval('.drawing [data-state="post-0"]', (box) => (box as SVGGElement).focus());
  await tab.press('Enter');
  await tab.seeText('14 jobs like post-0', '.panel summary');
  await tab.until(() => document.querySelectorAll('.family li').length === 14);
  await row('post-13', 'dropped')(tab);
  await tab.click('Show all 16');
  await tab.until(() => document.querySelectorAll('.family li').length === 16);
});

it('the page of a job shows the children that it waits for, and each child its parent', async () => {
  await system.fleet.queue.addJob('parent', {}, 'normal', { id: 'parent-1' });
  await using tab = await open('/jobs/parent-1');
  await row('parent-1-second', 'running')(tab);
  await row('parent-1-first', 'completed')(tab);
  await tab.seeText('1 of 2 completed', '.family-progress');
  await tab.see('.drawing .job.processing.lit[data-state=parent-1-second]');
  await tab.see('.drawing .job.completed[data-state=parent-1-first]');
  await tab.see('.drawing .job.here[data-state=parent-1]');
  await tab.see('.drawing .edge.loose[data-edge="parent-1 parent-1-second"]');
  expect(await tab.violations()).toEqual([]);
  const file = await (await fetch(`${system.http.url}/api/v1/jobs/parent-1/share`)).text();
  expect(file).toContain('"/jobs/parent-1/family/svg?standalone=false":"\\u003csvg');
  await tab.click('parent-1-second', '.family');
  await tab.seeText('parent-1-second', 'h1');
  await row('parent-1', 'waiting')(tab);
  await tab.see('.drawing .job.here[data-state=parent-1-second]');
  system.release('parent-1-second');
  await row('parent-1', 'completed')(tab);
  await tab.see('.drawing .job.completed[data-state=parent-1]');
  await row('parent-1-second', 'completed')(tab);
});

it('a job that belongs to nothing asks for no others', async () => {
  const asked: string[] = [];
  await system.fleet.queue.addJob('greet', {}, 'normal', { id: 'alone-1' });
  await system.fleet.waitForJob('alone-1', 'completed');
  await using tab = await open('/');
  tab.page.on('request', (request) => void asked.push(request.url()));
  await tab.goto('/jobs/alone-1');
  await tab.seeText('completed', '.crumb.lit');
  expect(asked.filter((url) => /\/flows\/|\/family|[?]id=alone-1-/.test(url))).toEqual([]);
  expect(await tab.text('#content')).not.toContain('Family');
});

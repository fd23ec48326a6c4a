import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, startLiveSystem } from './live-system.js';

let system: LiveSystem;
const open = (path: string, options = {}) => DashboardPage.open(system.http.url, path, options);

beforeAll(async () => {
  system = await startLiveSystem();
});
afterAll(() => system[Symbol.asyncDispose]());

describe('a machine is taken along', () => {
  it.each([
    ['SVG', 'job.svg', '<svg'],
    ['Mermaid', 'job.mmd', 'stateDiagram-v2'],
    ['XState JSON', 'job.json', '"initial"'],
  ])('as %s', async (format, file, beginning) => {
    const downloadPath = await mkdtemp(join(tmpdir(), 'jetfleet-downloads-'));
    onTestFinished(() => rm(downloadPath, { recursive: true, force: true }));
    await using tab = await open('/machines/job');
    const client = await tab.page.createCDPSession();
    await client.send('Browser.setDownloadBehavior', {
      behavior: 'allow',
      downloadPath,
      browserContextId: tab.page.browserContext().id as string,
    });
    await tab.click(format);
    await vi.waitFor(async () => expect(await readdir(downloadPath)).toEqual([file]));
    expect(await readFile(join(downloadPath, file), 'utf8')).toContain(beginning);
  });

  it('as Mermaid on the clipboard', async () => {
    await using tab = await open('/machines/job');
    await tab.page
      .browserContext()
      .overridePermissions(system.http.url, ['clipboard-read', 'clipboard-write']);
    await tab.click('Copy Mermaid');
    await tab.seeText('Mermaid is on the clipboard', '.toasts');
    expect(await tab.page.evaluate(() => navigator.clipboard.readText())).toMatch(/^stateDiagram-v2/);
  });
});

it('a job is added with everything that can be said of it', async () => {
  const { queue, receiver } = system.fleet;
  await using tab = await open('/jobs');
  await tab.click('Add a job');
  await tab.type('dialog input[name=type]', 'greet');
  await tab.page.select('dialog select[name=priority]', 'critical');
  await tab.click('More options', 'dialog');
  await tab.type('dialog input[name=id]', 'full-1');
  await tab.type('dialog input[name=delay]', '3600');
  await tab.type('dialog input[name=maxAttempts]', '7');
  await tab.type('dialog input[name=webhookUrl]', receiver.url);
  await tab.click('Add the job', 'dialog');
  await tab.seeText('full-1', 'h1');
  const { url } = receiver;
  expect(await queue.getJob('full-1')).toMatchObject({
    state: 'scheduled',
    priority: 'critical',
    maxAttempts: 7,
    webhookUrl: expect.stringContaining(url),
  });
});

it('what a job holds goes onto the clipboard', async () => {
  await system.fleet.queue.addJob('greet', { name: 'Grace' }, 'normal', { id: 'copied-1' });
  await system.fleet.waitForJob('copied-1', 'completed');
  await using tab = await open('/jobs/copied-1');
  await tab.page.browserContext().overridePermissions(system.http.url, ['clipboard-read', 'clipboard-write']);
  await tab.seeText('"Grace"', '.json');
  await tab.click('Copy payload');
  await vi.waitFor(async () => {
    const text = await tab.page.evaluate(() => navigator.clipboard.readText());
    expect(JSON.parse(text)).toEqual({ name: 'Grace' });
  });
});

it('jobs are found by when they changed', async () => {
  const { queue } = system.fleet;
  await queue.addJob('greet', {}, 'normal', { id: 'timed-1' });
  const { updatedAt } = await system.fleet.waitForJob('timed-1', 'completed');
  await using tab = await open('/jobs?id=timed-&range=15m');
  await tab.seeText('timed-1', '.data.jobs');
  const before = new Date(Date.parse(updatedAt) - 60_000).toISOString();
  await tab.goto(`/jobs?id=timed-&until=${before}`);
  await tab.see('.filters input[type=datetime-local]');
  await tab.seeText('No job matches this filter');
});

it('a page that nobody sees asks for nothing, and goes on when it is seen again', async () => {
  await using tab = await open('/');
  await tab.see('.live.open');
  await tab.look('hidden');
  await tab.see('.live.paused');
  await tab.look('visible');
  await tab.see('.live.open');
});

it('an admin cleans up ended jobs, once the page has said how many', async () => {
  const { queue } = system.fleet;
  for (const n of [1, 2, 3]) {
    const id = await queue.addJob('greet', n, 'normal', { id: `old-${n}` });
    await queue.ended(id);
  }
  await using tab = await open('/jobs');
  await tab.click('Clean up');
  await tab.type('dialog input[name=type]', 'greet');
  await tab.click('Count them', 'dialog');
  await tab.seeText('No job that has ended matches', 'dialog [role=alert]');
  expect(await tab.violations()).toEqual([]);
  await tab.type('dialog input[name=hours]', '0');
  await tab.type('dialog input[name=keep]', '1');
  await tab.click('Count them', 'dialog');
  await tab.seeText('Remove 2 jobs?');
  await tab.seeText('completed and failed jobs of greet but the last 1');
  await tab.click('Keep as it is', 'dialog');
  expect(await queue.getJob('old-1')).toBeDefined();
  await tab.click('Count them', 'dialog');
  await tab.click('Remove 2 jobs', 'dialog');
  await tab.seeText('2 jobs are removed', '.toasts');
  expect(await queue.getJob('old-2')).toBeUndefined();
  expect(await queue.getJob('old-3')).toMatchObject({ status: 'completed' });
  await tab.until(() => !document.body.innerText.includes('old-2'));
  await tab.click('Clean up');
  await tab.resize(390);
  expect(await tab.overflow()).toBeLessThanOrEqual(0);
});

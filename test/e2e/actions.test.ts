import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { startHttpServer } from '../../src/http/index.js';
import { DashboardPage } from './dashboard-page.js';
import { type LiveSystem, order, startLiveSystem } from './live-system.js';

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

it('an instance is stopped from the page of its job, once that is confirmed', async () => {
  const { queue } = system.fleet;
  await queue.addJob('create_instance', order('gpu-stop'), 'high', { id: 'rent-stop' });
  await system.fleet.waitForJob('rent-stop', 'completed');
  await using tab = await open('/jobs/rent-stop');
  const menu = 'select[aria-label="What to do with the instance"]';
  await tab.see(menu);
  await tab.page.select(menu, 'stop');
  await tab.seeText('Stop the instance?', 'dialog');
  await tab.click('Stop it', 'dialog');
  await tab.seeText('stop_instance', '.badges');
  // A list is read from several streams, and may miss a job that goes from one to another just then.
  await vi.waitFor(async () => {
    const { jobs } = await queue.getJobs({ type: 'stop_instance' });
    expect(jobs[0]?.payload).toMatchObject({ instanceId: 'gpu-stop' });
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
  const before = (await queue.getJobs({ type: 'greet', status: 'completed' })).jobs.length;
  const count = before + 2;
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
  await tab.seeText(`Remove ${count} jobs?`);
  await tab.seeText('completed and failed jobs of greet but the last 1');
  await tab.click('Keep as it is', 'dialog');
  expect(await queue.getJob('old-1')).toBeDefined();
  await tab.click('Count them', 'dialog');
  await tab.click(`Remove ${count} jobs`, 'dialog');
  await tab.seeText(`${count} jobs are removed`, '.toasts');
  expect(await queue.getJob('old-2')).toBeUndefined();
  expect(await queue.getJob('old-3')).toMatchObject({ status: 'completed' });
  await tab.until(() => !document.body.innerText.includes('old-2'));
  await tab.click('Clean up');
  await tab.resize(390);
  expect(await tab.overflow()).toBeLessThanOrEqual(0);
});

describe('what is done with many jobs', () => {
  const pickAll = (tab: DashboardPage) =>
    tab.page.$eval('.data.jobs thead input', (box) => (box as HTMLElement).click());

  it('is counted, done with those alone, and stands in the audit trail', async () => {
    const { queue } = system.fleet;
    const add = (id: string) => queue.addJob('held', {}, 'low', { id, delayMs: 3_600_000 });
    for (const id of ['many-1', 'many-2', 'many-3']) await add(id);
    await using tab = await open('/jobs?id=many-');
    await tab.seeText('many-3', '.data.jobs');
    await pickAll(tab);
    await tab.click('Priority');
    await tab.click('critical', '.popup-body');
    await tab.seeText('Move 3 jobs to critical?', 'dialog');
    // What comes later is not meant.
    await add('many-4');
    await tab.click('Move 3 jobs', 'dialog');
    await tab.seeText('3 jobs moved', '.toasts');
    expect((await queue.getJob('many-1'))?.priority).toBe('critical');
    expect((await queue.getJob('many-4'))?.priority).toBe('low');
    await tab.seeText('many-4', '.data.jobs');
    await pickAll(tab);
    await tab.click('Cancel jobs');
    await tab.click('Cancel 4 jobs', 'dialog');
    await tab.seeText('4 jobs cancelled', '.toasts');
    await tab.seeText('cancelled', '.data.jobs');
    await pickAll(tab);
    await tab.click('Delete', '.bulk');
    await tab.click('Delete 4 jobs', 'dialog');
    await tab.seeText('4 jobs deleted', '.toasts');
    await tab.seeText('No job matches this filter');
    await tab.click('Audit trail', '#menu');
    await tab.seeText('delete jobs', '.data tbody tr:nth-child(1)');
    await tab.seeText('4 jobs', '.data tbody tr:nth-child(1)');
    await tab.seeText('"critical"', '.data tbody tr:nth-child(3)');
    await tab.click('priority jobs');
    await tab.until(() => document.querySelectorAll('.data tbody tr').length === 1);
  });

  it('names those that stay as they are', async () => {
    const { queue } = system.fleet;
    for (const id of ['stay-1', 'stay-2'])
      await queue.addJob('greet', {}, 'normal', { id, delayMs: 3_600_000 });
    await using tab = await open('/jobs?id=stay-');
    await tab.seeText('stay-2', '.data.jobs');
    await pickAll(tab);
    await tab.click('Run now');
    await tab.seeText('Run now 2 jobs?', 'dialog');
    await queue.cancel('stay-1');
    await tab.click('Run now 2 jobs', 'dialog');
    await tab.seeText('1 job promoted, 1 stay as they are', 'dialog');
    await tab.seeText('stay-1', 'dialog .lines');
    await tab.click('The audit trail', 'dialog');
    await tab.seeText('promote jobs', '.data');
  });

  it('is for those who may: others see neither buttons nor the trail', async () => {
    const token = { token: 'only-looks', role: 'observer' } as const;
    await using http = await startHttpServer(system.fleet.queue, {
      port: 0,
      tokens: [token],
      closeTimeoutMs: 100,
    });
    await system.fleet.queue.addJob('greet', { password: 'swordfish-9' }, 'normal', { id: 'looked-at' });
    await system.fleet.waitForJob('looked-at', 'completed');
    await using tab = await DashboardPage.open(http.url, '/jobs?id=looked-', {
      expectedStatuses: [401, 403],
    });
    await tab.type('input[name=token]', 'only-looks');
    await tab.press('Enter');
    await tab.seeText('completed', '.data.jobs');
    expect(await tab.page.$$eval('.data.jobs input', (boxes) => boxes.length)).toBe(0);
    expect(await tab.text('#menu')).not.toContain('Audit');
    await tab.press('j', 'Enter');
    await tab.seeText('[masked]', '.json');
    expect(await tab.text('.page-head')).not.toContain('Show secrets');
    await tab.goto('/audit');
    await tab.seeText('this needs the role operator');
  });

  it('as a look at secrets is, which says first that it is written down', async () => {
    await using tab = await open('/jobs/looked-at');
    await tab.seeText('[masked]', '.json');
    await tab.click('Show secrets');
    await tab.seeText('The audit trail will say', 'dialog');
    await tab.click('Show them', 'dialog');
    await tab.seeText('swordfish-9', 'dialog .json');
    await tab.press('Escape');
    await tab.goto('/audit');
    await tab.seeText('reveal a job', '.data tbody tr:nth-child(1)');
  });
});

describe('what is done with one', () => {
  it('job: it gets another priority and time, runs at once, and is deleted', async () => {
    const { queue } = system.fleet;
    await queue.addJob('greet', {}, 'low', { id: 'sooner-1', delayMs: 86_400_000 });
    await using tab = await open('/jobs/sooner-1', { expectedStatuses: [404] });
    await tab.click('Change');
    await tab.page.select('dialog select[name=priority]', 'high');
    await tab.type('dialog input[name=minutes]', '30');
    await tab.click('Change the job', 'dialog');
    await tab.seeText('has the priority high and runs in 30 min', '.toasts');
    const { priority, nextRunAt = '' } = (await queue.getJob('sooner-1')) ?? {};
    expect(priority).toBe('high');
    expect(Date.parse(nextRunAt) - queue.now()).toBeLessThanOrEqual(30 * 60_000);
    await tab.click('Run now');
    await tab.seeText('completed', '.badges');
    await tab.click('Delete');
    await tab.click('Delete the job', 'dialog');
    await tab.seeText('Jobs', 'h1');
    await expect.poll(() => queue.getJob('sooner-1')).toBeUndefined();
  });

  it('limit: who holds and who waits is named, and an admin sets how many may', async () => {
    const { queue } = system.fleet;
    for (const id of ['permit-1', 'permit-2']) await queue.addJob('held', { id: 'acme' }, 'high', { id });
    await using tab = await open('/limits');
    await tab.until(() => document.querySelectorAll('.limit-jobs a').length === 2);
    await tab.seeText('high', '.limit-jobs');
    await tab.click('Set a limit');
    expect(await tab.violations()).toEqual([]);
    await tab.click('Close', 'dialog');
    await tab.click('Change held/id');
    await tab.type('dialog input[name=concurrency]', '2');
    await tab.click('Set it', 'dialog');
    await tab.seeText('2 at once', '[aria-label="Set for all workers"]');
    for (const id of ['permit-1', 'permit-2']) await system.fleet.waitForJob(id, 'running');
    await tab.click('Change held/id for all workers');
    await tab.click('Reset to what the handlers say', 'dialog');
    await tab.seeText('again what its handlers say', '.toasts');
    for (const id of ['permit-1', 'permit-2']) system.release(id);
  });

  it('schedule: it is added and changed', async () => {
    const { queue } = system.fleet;
    await using tab = await open('/schedules', { expectedStatuses: [400] });
    await tab.click('Add a schedule', '.page-head');
    await tab.type('dialog input[name=name]', 'nightly');
    await tab.type('dialog input[name=type]', 'greet');
    await tab.click('Add the schedule', 'dialog');
    await tab.seeText('cron', 'dialog [role=alert]');
    await tab.type('dialog input[name=cron]', '0 3 * * *');
    expect(await tab.violations()).toEqual([]);
    await tab.click('Add the schedule', 'dialog');
    await tab.seeText('nightly', '.data tbody');
    await tab.click('Edit nightly');
    await tab.type('dialog input[name=timeZone]', 'Europe/Berlin');
    await tab.page.select('dialog select[name=overlap]', 'allow');
    await tab.click('Change the schedule', 'dialog');
    await tab.seeText('nightly is changed', '.toasts');
    expect(await queue.schedules.get('nightly')).toMatchObject({
      ...{ type: 'greet', timeZone: 'Europe/Berlin', overlap: 'allow' },
    });
    await queue.schedules.delete('nightly');
  });

  it('schedule: a change keeps the secrets that the form cannot show', async () => {
    const { queue } = system.fleet;
    const webhookUrl = 'https://example.com/hooks/T0hush';
    const options = {
      cron: '0 3 1 1 *',
      webhookUrl,
      traceparent: `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`,
    };
    await queue.schedule('told', 'greet', null, options);
    await using tab = await open('/schedules');
    await tab.click('Edit told');
    expect(await tab.page.$eval('dialog input[name=webhookUrl]', (input) => input.value)).toContain(
      '[masked]',
    );
    await tab.page.select('dialog select[name=priority]', 'high');
    await tab.click('Change the schedule', 'dialog');
    await tab.seeText('told is changed', '.toasts');
    const id = await queue.schedules.runNow('told');
    const { payload, traceparent } = (await queue.getJob(id)) ?? {};
    expect(await queue.schedules.get('told')).toMatchObject({ priority: 'high', webhookUrl, payload: null });
    expect({ payload, traceparent }).toEqual({ payload: null, traceparent: options.traceparent });
    await queue.schedules.delete('told');
  });

  it('webhook: one that waits for its next try is delivered now', async () => {
    const { queue, receiver } = system.fleet;
    let isDown = true;
    receiver.respondWith(() =>
      isDown ? { status: 503, headers: { 'retry-after': '3600' } } : { status: 204 },
    );
    await queue.addJob('greet', {}, 'normal', { id: 'told-1', webhookUrl: receiver.url });
    const retrying = async () =>
      (await queue.getJobs({ type: 'send_webhook', state: 'retrying' })).jobs.find(
        ({ parentId }) => parentId === 'told-1',
      );
    await vi.waitFor(async () => expect(await retrying()).toBeDefined());
    isDown = false;
    await using tab = await open(`/webhooks/${(await retrying())?.id}`);
    await tab.click('Deliver now');
    await tab.seeText('HTTP 204', '.attempts');
    await tab.seeText('Deliver again', '.page-head');
  });
});

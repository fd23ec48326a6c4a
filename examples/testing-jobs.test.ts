/**
 * How a service tests its jobs: the report renderer of embedded-service.ts, on a queue of its own, with time that jumps.
 *
 *     node --import tsx --test examples/testing-jobs.test.ts
 */
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import { defineJob, handled, type JobContext, NonRetryableError, snooze } from 'jetfleet';
import { expectJob, startTestQueue, type TestQueue } from 'jetfleet/testing';
import { z } from 'zod';

const HOUR = 60 * 60 * 1000;

const reportPayload = z.strictObject({
  account: z.string(),
  month: z.number().int().min(1).max(12),
  pages: z.number().int().min(1).default(3),
});
const renderReport = defineJob({
  type: 'render_report',
  payload: reportPayload,
  checkpoint: z.object({ page: z.number() }),
  maxAttempts: 5,
});

let rendered: string[] = [];

async function render(job: JobContext<z.infer<typeof reportPayload>, { page: number }>) {
  const { account, pages } = job.payload;
  if (account === 'unknown') throw new NonRetryableError(`there is no account ${account}`);
  const done = job.checkpoint?.page ?? 0;
  for (let page = done + 1; page <= pages; page++) {
    rendered.push(`${account} ${page}`);
    await job.saveCheckpoint({ page });
    if (account === 'flaky' && job.attempt === 1) throw new Error('the renderer crashed');
    if (account === 'busy' && page === 1) return snooze(6 * HOUR, { page });
  }
  return { pages };
}

let kit: TestQueue;
before(async () => {
  kit = await startTestQueue({ jobs: [renderReport] });
});
beforeEach(async () => {
  await kit.reset();
  rendered = [];
});
after(() => kit.close());

test('a report is rendered page by page, also when the renderer crashes in between', async () => {
  await kit.work(handled(renderReport, render));
  const { id } = await kit.queue.add(renderReport, { account: 'flaky', month: 2 });
  await kit.drain();
  await expectJob(kit, id).toComplete({ pages: 3 });
  await expectJob(kit, id).toMatch({ attempt: 2 });
  assert.deepEqual(rendered, ['flaky 1', 'flaky 2', 'flaky 3']);
});

test('a busy account is left alone for six hours', async () => {
  await kit.work(handled(renderReport, render));
  const { id } = await kit.queue.add(renderReport, { account: 'busy', month: 3 });
  await kit.advance(HOUR);
  await expectJob(kit, id).toMatch({ state: 'waiting', attempt: 1 });
  assert.deepEqual(rendered, ['busy 1']);
  await kit.advance(6 * HOUR);
  await expectJob(kit, id).toComplete({ pages: 3 });
});

test('an account that does not exist fails at once', async () => {
  const job = await kit.runJob(renderReport, render, { account: 'unknown', month: 4 });
  assert.equal(job.attempt, 1);
  await expectJob(kit, job.id).toFail({ code: 'JETFLEET_NON_RETRYABLE', message: /no account unknown/ });
});

test('reports are rendered every morning', async () => {
  await kit.work(handled(renderReport, render));
  const first = { account: 'acme', month: 1, pages: 1 };
  await kit.queue.schedule('mornings', renderReport, first, { cron: '0 6 * * *' });
  await kit.advance(3 * 24 * HOUR);
  await expectJob(kit, { type: renderReport, status: 'completed' }).toExistTimes(3);
});

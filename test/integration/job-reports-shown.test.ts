import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cli, startCli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { expectProblem, type ServedEvent, startHttp } from '../support/http.js';

const SECRET = 'sk-abcdefghijklmnopqrstuvwxyz0123456789';

let release = () => {};
let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
let env: Record<string, string>;
beforeAll(async () => {
  fleet = await startFleet({
    worker: { sweep: false },
    handlers: {
      work: async (job) => {
        job.progress({ done: 1, total: 4, message: 'begun' });
        job.log(`begun with ${SECRET}`);
        job.log('\u001b[31mred');
        await job.emit('a');
        await job.emit({ token: 'hunter2' });
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        job.progress({ done: 4, total: 4 });
        job.log('over');
        await job.emit('c\nd\u001b[0m');
      },
    },
  });
  http = await startHttp(fleet.queue);
  env = { NATS_URL: fleet.url, JETFLEET_NAMESPACE: fleet.namespace };
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
});

async function eventsUntilEnd(path: string, headers: Record<string, string> = {}): Promise<ServedEvent[]> {
  await using stream = await http.listen(path, { headers });
  const all: ServedEvent[] = [];
  for (;;) {
    const event = await stream.next();
    all.push(event);
    if (event.event === 'end') return all;
  }
}

test('the API shows what a job reports while it runs and after its end, without secrets', async () => {
  const id = await fleet.queue.addJob('work', {});
  const live = eventsUntilEnd(`/api/v1/jobs/${id}/stream`);
  await vi.waitFor(async () => {
    const { json, headers } = await http.call(`/api/v1/jobs/${id}`);
    expect(json).toMatchObject({ state: 'running', progress: { done: 1, total: 4 } });
    expect(
      (await http.call(`/api/v1/jobs/${id}`, { headers: { 'if-none-match': headers.get('etag') ?? '' } }))
        .status,
    ).toBe(304);
  });
  const etag = (await http.call(`/api/v1/jobs/${id}`)).headers.get('etag') ?? '';
  expect(etag).toMatch(/^"\d+-running-\d+"$/);
  // The stream has begun by now.
  await delay(500);
  release();
  const events = await live;
  const of = (name: string) => events.filter(({ event }) => event === name).map(({ data }) => data);
  expect(of('progress').map(({ progress }) => progress.done)).toEqual([1, 4]);
  expect(of('line').map(({ index, line }) => [index, line])).toEqual([
    [0, 'begun with [masked]'],
    [1, '\u001b[31mred'],
    [2, 'over'],
  ]);
  expect(of('chunk').map(({ chunk }) => chunk)).toEqual(['a', { token: '[masked]' }, 'c\nd\u001b[0m']);
  expect(of('end')).toEqual([{ status: 'completed', state: 'completed' }]);
  // Where it was cut off it goes on.
  const secondChunk = events.filter(({ event }) => event === 'chunk')[1];
  const rest = await eventsUntilEnd(`/api/v1/jobs/${id}/stream?only=chunk`, {
    'last-event-id': secondChunk?.id ?? '',
  });
  expect(rest.map(({ event, data }) => [event, data.chunk])).toEqual([
    ['chunk', 'c\nd\u001b[0m'],
    ['end', undefined],
  ]);
  const { json } = await http.call(`/api/v1/jobs/${id}/logs?last=2`);
  expect(json).toMatchObject({ total: 3, dropped: 0, lines: [{ index: 1 }, { index: 2, line: 'over' }] });
  expect((await http.call(`/api/v1/jobs/${id}`)).json).toMatchObject({
    progress: { done: 4, total: 4 },
    logLines: 3,
    chunks: 3,
  });
  expectProblem(await http.call('/api/v1/jobs/nobody/logs'), 404, 'JETFLEET_NOT_FOUND');
  expectProblem(await http.call('/api/v1/jobs/nobody/stream'), 404, 'JETFLEET_NOT_FOUND');
  expectProblem(await http.call(`/api/v1/jobs/${id}/logs?last=0`), 400, 'JETFLEET_HTTP_INVALID');
});

test('the command line shows progress, log and stream', async () => {
  const id = await fleet.queue.addJob('work', {}, 'normal', { id: 'order-42' });
  await fleet.waitForJob(id, 'running');
  const [watching, following, streaming] = [
    ['job', 'watch', id],
    ['job', 'logs', id, '--follow'],
    ['job', 'stream', id],
  ].map((args) => startCli(args, env));
  await vi.waitFor(async () => expect(await fleet.queue.getJob(id)).toHaveProperty('progress'));
  const got = await cli(['job', 'get', id], { env });
  expect(got.stdout).toMatch(/^progress +1 of 4 \(25%\): begun$/m);
  await watching?.until('stdout', /1 of 4/);
  await following?.until('stdout', /red/);
  await streaming?.until('stdout', /token/);
  release();
  const followed = await following?.ended;
  expect(followed).toMatchObject({ code: 0 });
  expect(followed?.stdout.split('\n').map((line) => line.slice(17))).toEqual([
    'begun with [masked]',
    expect.stringMatching(/red$/),
    'over',
    '',
  ]);
  expect(followed?.stdout).not.toContain('\u001b');
  expect((await streaming?.ended)?.stdout).toBe('a\n{"token":"[masked]"}\nc\nd\ufffd[0m\n');
  const watched = await watching?.ended;
  expect(watched?.code).toBe(0);
  expect(watched?.stdout).toMatch(/order-42 .* 1 of 4 \(25%\): begun\n/);
  expect(watched?.stdout).toMatch(/completed/);
  const logs = await cli(['job', 'logs', id, '--json', '--last', '1'], { env });
  expect(JSON.parse(logs.stdout)).toMatchObject({ index: 2, attempt: 1, line: 'over' });
  expect((await cli(['job', 'logs', 'nobody'], { env })).code).toBe(3);
  expect((await cli(['job', 'stream', 'nobody'], { env })).code).toBe(3);
});

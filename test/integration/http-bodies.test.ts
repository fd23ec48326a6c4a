import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Fleet, startFleet } from '../support/fleet.js';
import { expectProblem, startHttp } from '../support/http.js';

let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
beforeAll(async () => {
  fleet = await startFleet({ workers: 0 });
  http = await startHttp(fleet.queue);
});
afterAll(async () => {
  await http.server.close();
  await fleet.close();
});

test('the same Idempotency-Key is the same job also where the job is unique', async () => {
  const add = (key: string) =>
    http.call('/api/v1/jobs', {
      body: { type: 'resize', payload: 1, unique: { key: 'image-1' } },
      headers: { 'idempotency-key': key },
    });
  const first = await add('resize-1');
  const again = await add('resize-1');
  expect(again).toMatchObject({ status: 201, json: { id: first.json.id, created: false } });
  expect(again.headers.get('idempotency-replayed')).toBe('true');
  const another = await add('resize-2');
  expect(another).toMatchObject({ status: 200, json: { id: first.json.id, created: false } });
  expect(another.headers.get('idempotency-replayed')).toBeNull();
});

test('a flow and a signal may be written with escapes, which make them twice as long', async () => {
  const flow = `{"id":"escaped","jobs":{"a":{"type":"resize","payload":"${'\\/'.repeat(400_000)}"}}}`;
  expect(await http.call('/api/v1/flows', { body: flow })).toMatchObject({ status: 201 });
  const signal = `{"data":"${'\\/'.repeat(120_000)}"}`;
  expect(await http.call('/api/v1/jobs/escaped/signals/go', { body: signal })).toMatchObject({ status: 202 });
});

const masked = { password: '[masked]' };
test.each([
  ['jobs', { type: 'report', payload: masked }],
  ['jobs', { type: 'report', payload: '[masked] sealed by aes-256-gcm' }],
  ['jobs', { type: 'report', payload: 1, webhookUrl: 'https://host/hooks/[masked]' }],
  [
    'jobs/batch',
    {
      jobs: [
        { type: 'report', payload: 1 },
        { type: 'report', payload: [masked] },
      ],
    },
  ],
  ['jobs/failed-1/retry', { payload: masked }],
  ['jobs/escaped/signals/go', { data: masked }],
  ['flows', { jobs: { a: { type: 'report', payload: masked } } }],
  ['flows', { jobs: { a: { type: 'report', payload: 1 } }, webhookUrl: 'https://host/[masked]' }],
  ['schedules', { name: 'nightly', type: 'report', payload: masked, everyMs: 60_000 }],
])('nothing is stored with a mask in the place of a secret: POST %s %j', async (path, body) => {
  const broker = await fleet.queue.broker();
  const stored = async () => (await broker.topology.streamInfo('jobs')).state.last_seq;
  const before = await stored();
  const answer = await http.call(`/api/v1/${path}`, { body });
  expectProblem(answer, 400, 'JETFLEET_HTTP_INVALID');
  expect(JSON.stringify(answer.json)).toContain('stands for a secret');
  expect(await stored()).toBe(before);
});

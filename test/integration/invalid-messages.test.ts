import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { MAX_PAYLOAD_BYTES } from '../../src/jobs/limits.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';
import { startNats } from '../support/nats.js';

const VALID = {
  instanceId: 'my-instance',
  name: 'My GPU Instance',
  productName: 'RTX 4090 24GB',
  templateId: 'template-123',
  gpuNum: 1,
  rootfsSize: 60,
  region: 'CN-HK-01',
};
const create = (over: object) => JSON.stringify({ ...VALID, ...over });
const NO_STREAM = '503';

let nats: EmbeddedServer;
let client: ForeignClient;
let fleet: Fleet;
beforeAll(async () => {
  nats = await startNats();
  client = await connectForeign(nats.url);
  // The server's default namespace, so that the subjects are those of the README.
  fleet = await startFleet({ nats, namespace: '' });
});
afterAll(async () => {
  await fleet.close();
  await client.connection.close();
  await nats.stop();
});

/** How many jobs of `create_instance` were sent that must fail, and what else there is of them and of unhandled types. */
let sent = 0;
let webhooks = 0;
let unhandled = 0;
function sendBroken(subject: string, body: string | Uint8Array, headers?: Record<string, string>) {
  sent += 1;
  return client.publish(subject, body, headers);
}

interface Case {
  id: string;
  body: string | Uint8Array;
  headers?: Record<string, string>;
  code: string;
  paths?: string[];
  excerpt?: RegExp;
}

const cases: Case[] = [
  {
    id: 'out-of-bounds',
    body: create({ gpuNum: 99, region: '', regions: ['CN-HK-01', ''] }),
    code: 'JETFLEET_PAYLOAD_INVALID',
    paths: ['gpuNum', 'region', 'regions[1]'],
    excerpt: /^\{"instanceId":"my-instance"/,
  },
  {
    id: 'unknown-keys',
    body: create({ gpus: 2, colour: 'red' }),
    code: 'JETFLEET_PAYLOAD_UNKNOWN_KEY',
    paths: ['colour', 'gpus'],
    excerpt: /^\{"instanceId"/,
  },
  { id: 'no-object', body: '42', code: 'JETFLEET_PAYLOAD_INVALID', paths: [''], excerpt: /^42$/ },
  {
    id: 'broken-json',
    body: '{"instanceId": "my-inst',
    code: 'JETFLEET_BODY_NOT_JSON',
    excerpt: /^\{"instanceId": "my-inst$/,
  },
  { id: 'empty', body: '', code: 'JETFLEET_BODY_NOT_JSON', excerpt: /^$/ },
  {
    id: 'latin-1',
    body: Buffer.from('{"name":"Zürich"}', 'latin1'),
    code: 'JETFLEET_BODY_NOT_UTF8',
    excerpt: /^\{"name":"Z\uFFFDrich"\}$/,
  },
  { id: 'too-deep', body: `${'['.repeat(101)}${']'.repeat(101)}`, code: 'JETFLEET_PAYLOAD_TOO_DEEP' },
  // Within the room that the stream leaves for headers, so the worker has to refuse it.
  {
    id: 'slightly-too-large',
    body: `"${'x'.repeat(MAX_PAYLOAD_BYTES)}"`,
    code: 'JETFLEET_PAYLOAD_TOO_LARGE',
    excerpt: /^"x{199}$/,
  },
  {
    id: 'bad-headers',
    body: create({}),
    headers: {
      'Jetfleet-Max-Attempts': 'many',
      'Jetfleet-Timeout-Ms': '-5',
      'Jetfleet-Webhook-Url': 'nowhere',
    },
    code: 'JETFLEET_HEADER_INVALID',
    paths: ['Jetfleet-Max-Attempts', 'Jetfleet-Timeout-Ms', 'Jetfleet-Webhook-Url'],
  },
];

describe('a message that cannot be run', () => {
  test.each(cases)(
    'becomes a FAILED record that tells why: $id',
    async ({ id, body, headers, code, paths, excerpt }) => {
      await sendBroken(`jobs.high.create_instance.${id}`, body, headers);
      const job = await fleet.waitForJob(id, 'rejected');
      expect(job).toMatchObject({
        status: 'failed',
        type: 'create_instance',
        priority: 'high',
        attempt: 0,
        error: { code, retryable: false },
      });
      expect(job.error?.problems?.map(({ path }) => path).sort()).toEqual(paths);
      if (excerpt) expect(job.error?.excerpt).toMatch(excerpt);
      for (const path of paths ?? []) expect(job.error?.message).toContain(path);
      expect(await fleet.history(id)).toEqual([job]);
      expect(
        (await fleet.queue.getJobs({ status: 'failed', type: 'create_instance' })).jobs.map(
          (each) => each.id,
        ),
      ).toContain(id);
    },
  );

  test('under a reserved or an impossible id is named by its sequence instead', async () => {
    for (const id of ['seq-7', 'a/b', 'x'.repeat(129)]) {
      const { seq } = await sendBroken(`jobs.low.create_instance.${id}`, create({}));
      const job = await fleet.waitForJob(`seq-${seq}`, 'rejected');
      expect(job.error).toMatchObject({
        code: 'JETFLEET_ID_INVALID',
        message: expect.stringContaining(id.slice(0, 100)),
      });
    }
  });

  test('tells the endpoint that its payload names', async () => {
    const webhookUrl = `${fleet.receiver.url}/lifecycle`;
    webhooks += 1;
    await sendBroken('jobs.high.create_instance.tell-me', create({ gpuNum: 0, webhookUrl }));
    const request = await fleet.receiver.waitFor(({ path }) => path === '/lifecycle');
    expect(request.verified).toBe(true);
    expect(JSON.parse(request.body)).toMatchObject({
      type: 'instance.failed',
      data: { jobId: 'tell-me', instanceId: 'my-instance', errorCode: 'JETFLEET_PAYLOAD_INVALID' },
    });
  });
});

describe('a message that fits no stream is refused at its publisher', () => {
  test.each([
    ['of an unknown priority', 'jobs.urgent.create_instance.a', NO_STREAM],
    ['with a dotted id', 'jobs.high.create_instance.a.b', NO_STREAM],
    ['without a type', 'jobs.high', NO_STREAM],
    ['of another namespace', 'acme.jobs.high.create_instance.a', NO_STREAM],
  ])('one %s', async (_, subject, code) => {
    await expect(client.publish(subject, create({}))).rejects.toMatchObject({ code });
  });

  test('one that is too large, by its size', async () => {
    const body = `"${'x'.repeat(MAX_PAYLOAD_BYTES + 8 * 1024)}"`;
    const error = await client
      .publish('jobs.high.create_instance.huge', body)
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ message: expect.stringMatching(/maximum/) });
    expect(await fleet.queue.getJob('huge')).toBeUndefined();
  });
});

test('a type that nobody handles stays PENDING, and the stats name it', async () => {
  unhandled += 1;
  await client.publish('jobs.high.future_type.early', 'not even JSON');
  expect(await fleet.queue.getJob('early')).toMatchObject({ state: 'queued', type: 'future_type' });
  const stats = await fleet.queue.getStats();
  expect(stats.unhandledTypes).toEqual(['future_type']);
  expect(stats.byType.future_type).toMatchObject({ pending: 1 });
});

test('the same worker runs a valid job, and every message sent has a record', async () => {
  const before = fleet.simulator.ledger.length;
  await client.publish('jobs.normal.create_instance.fine', create({}));
  await fleet.waitForJob('fine', 'completed');
  await fleet.waitForJob('fine-monitor', 'completed');
  expect(fleet.simulator.ledger.slice(before).map(({ action }) => action)).toEqual(['create']);
  await vi.waitFor(async () => {
    const stats = await fleet.queue.getStats();
    expect(stats.byType.create_instance).toEqual({
      pending: 0,
      processing: 0,
      completed: 1,
      failed: sent,
    });
    // The valid one has a monitor.
    const totalJobs = sent + 2 + webhooks + unhandled;
    expect(stats).toMatchObject({ pendingJobs: unhandled, processingJobs: 0, totalJobs });
  });
});

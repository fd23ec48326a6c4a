import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CreateInstancePayload, complete } from '../../src/index.js';
import { type Fleet, startFleet, WEBHOOK_SECRET } from '../support/fleet.js';
import { startHttp } from '../support/http.js';

const SECRET_URL = 'https://user:hunter22@host.example/';
const FAULT = 'must not carry credentials; send them in a header instead';

let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
let producer: NatsConnection;

beforeAll(async () => {
  const handlers = {
    parent: () =>
      complete('done', [{ type: 'child', idSuffix: 'child', payload: 1, webhookUrl: SECRET_URL }]),
  };
  const webhooks = { secret: WEBHOOK_SECRET };
  fleet = await startFleet({ handlers, builtIn: true, worker: { webhooks, sweep: false } });
  http = await startHttp(fleet.queue);
  producer = await connect({ servers: fleet.url });
});
afterAll(async () => {
  await producer.close();
  await http.server.close();
  await fleet.close();
});
beforeEach(() => {
  before = creates();
});

const order = (webhookUrl?: string): CreateInstancePayload => ({
  instanceId: 'mine',
  name: 'mine',
  productName: 'RTX 4090 24GB',
  templateId: 'template-123',
  gpuNum: 1,
  rootfsSize: 60,
  region: 'CN-HK-01',
  ...(webhookUrl !== undefined && { webhookUrl }),
});
let before = 0;
const creates = () => fleet.simulator.requests.count('POST /gpu/instance/create');
/** How many instances the test has rented. */
const rented = () => creates() - before;
const thrownBy = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('a webhook URL with credentials is refused', () => {
  it.each<[string, () => Promise<unknown>, string]>([
    [
      'as an option',
      () => fleet.queue.addJob('parent', 1, 'normal', { webhookUrl: SECRET_URL }),
      'JETFLEET_OPTION_INVALID',
    ],
    [
      'of an order',
      () => fleet.queue.addJob('create_instance', order(SECRET_URL)),
      'JETFLEET_PAYLOAD_INVALID',
    ],
    [
      'of a monitor',
      () =>
        fleet.queue.addJob('monitor_instance', {
          instanceId: 'x',
          novitaInstanceId: 'x',
          startTime: new Date(),
          webhookUrl: SECRET_URL,
        }),
      'JETFLEET_PAYLOAD_INVALID',
    ],
    [
      'as the target of a webhook',
      () => fleet.queue.addJob('send_webhook', { url: SECRET_URL, payload: {} }),
      'JETFLEET_PAYLOAD_INVALID',
    ],
  ])('%s', async (_, add, code) => {
    const error = await thrownBy(add());
    expect(error).toMatchObject({ code, message: expect.stringContaining(FAULT) });
    expect((error as Error).message).not.toContain('hunter22');
  });

  it('over HTTP', async () => {
    const body = { type: 'create_instance', payload: order(SECRET_URL) };
    const { status, json } = await http.call('/api/v1/jobs', { body });
    expect(status).toBe(422);
    expect(JSON.stringify(json)).toContain(FAULT);
  });

  it.each([
    ['in a header', order(), SECRET_URL, 'JETFLEET_HEADER_INVALID'],
    ['in a payload', order(SECRET_URL), undefined, 'JETFLEET_PAYLOAD_INVALID'],
  ])('on the wire, %s: nothing is rented', async (name, payload, header, code) => {
    const id = name.replaceAll(' ', '-');
    const sent = headers();
    if (header !== undefined) sent.set('Jetfleet-Webhook-Url', header);
    producer.publish(`${fleet.namespace}.jobs.high.create_instance.${id}`, JSON.stringify(payload), {
      headers: sent,
    });
    const { error, next } = await fleet.waitForJob(id, 'rejected');
    expect(error).toMatchObject({ code, message: expect.stringContaining(FAULT) });
    expect(next ?? []).toEqual([]);
    expect(rented()).toBe(0);
  });

  it('of a job that follows', async () => {
    await fleet.queue.addJob('parent', 1, 'normal', { id: 'asks' });
    const { error } = await fleet.waitForJob('asks', 'rejected');
    expect(error?.message).toContain(FAULT);
  });
});

describe('a URL that this worker may not deliver to is refused before anything is rented', () => {
  it.each([
    'http://127.0.0.1:3000/hook',
    'https://127.0.0.1/hook',
    'https://localhost/hook',
    'https://10.1.2.3/',
    'https://169.254.169.254/latest',
    'https://[::1]/',
    'http://8.8.8.8/',
  ])('%s', async (url) => {
    const [inPayload, inOptions] = [
      await fleet.queue.addJob('create_instance', order(url)),
      await fleet.queue.addJob('create_instance', order(), 'normal', { webhookUrl: url }),
    ];
    for (const id of [inPayload, inOptions]) {
      const { error, next } = await fleet.waitForJob(id, 'rejected');
      expect(error).toMatchObject({ code: 'JETFLEET_WEBHOOK_URL_INVALID' });
      // A webhook about it could never go out either.
      expect(next ?? []).toEqual([]);
    }
    expect(rented()).toBe(0);
  });

  it('a name that does not resolve now is no reason', async () => {
    const id = await fleet.queue.addJob('create_instance', order('https://nowhere.invalid/'));
    await fleet.waitForJob(id, 'completed');
    expect(rented()).toBe(1);
  });
});

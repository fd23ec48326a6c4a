import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { headers as messageHeaders } from '@nats-io/transport-node';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { NonRetryableError } from '../../src/index.js';
import { watchMachines } from '../../src/inspect/index.js';
import { logMasks } from '../../src/telemetry/logger.js';
import { cli } from '../support/cli.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';

/** No part of it is a word that anything else may hold. */
const SECRET = 'Zq7vXcanary9';

let nats: Awaited<ReturnType<typeof startNats>>;
let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;

/** Bodies as producers send them by mistake, by job id; those of webhooks go to `jobs.<priority>.send_webhook`. */
const BODIES: [id: string, type: string, body: string, headers?: Record<string, string>][] = [
  ['broken', 'report', `{"password": "${SECRET}", `],
  ['broken-early', 'report', `${SECRET}`],
  ['broken-late', 'report', `{"a": 1} ${SECRET}`],
  ['not-text', 'report', `{"a": "${SECRET}\u00ff`],
  ['headers-misspelt', 'send_webhook', `{"url":"https://h/","payload":1,"Headers":{"X-Auth":"${SECRET}"}}`],
  [
    'headers-as-list',
    'send_webhook',
    `{"url":"https://h/","payload":1,"headers":[["X-Custom","Bearer ${SECRET}"]]}`,
  ],
  ['header-as-list', 'send_webhook', `{"url":"https://h/","payload":1,"headers":{"x-a":["${SECRET}"]}}`],
  [
    'headers',
    'send_webhook',
    `{"url":"https://127.0.0.1:9/","payload":1,"headers":{"X-Custom":"${SECRET}","Access-Key":"${SECRET}"}}`,
  ],
  ['path', 'send_webhook', `{"url":"https://127.0.0.1:9/services/${SECRET}?key=${SECRET}","payload":1}`],
  ['bad-url', 'send_webhook', `{"url":"https://u:${SECRET}@h/","payload":1}`],
  [
    'own',
    'report',
    `{"X-Auth":"${SECRET}","env":[{"key":"HF_TOKEN","value":"${SECRET}"}],"url":"https://h/${SECRET}"}`,
  ],
  ['option', 'report', '{}', { 'Jetfleet-Webhook-Url': `ftp://u:${SECRET}@h/${SECRET}` }],
  ['webhook', 'report', '{}', { 'Jetfleet-Webhook-Url': `https://127.0.0.1:9/${SECRET}` }],
  ['failing', 'failing', '{}'],
];

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({
    nats,
    builtIn: true,
    handlers: {
      report: ({ payload }) => ({ echoed: payload }),
      failing: () => {
        throw new NonRetryableError(
          `cannot log in to https://u:${SECRET}@h/, Authorization: Bearer ${SECRET}`,
        );
      },
    },
  });
  http = await startHttp(fleet.queue, {});
});

afterAll(async () => {
  await http.server.close();
  await fleet.close();
  await nats.stop();
});

test('no secret of a job reaches an observer, whichever way it looks', async () => {
  const steps: unknown[] = [];
  const watch = await watchMachines(fleet.queue, {}, (record) => void steps.push(record));
  onTestFinished(() => watch.close());
  const live = new AbortController();
  const heard: string[] = [];
  const stream = await fetch(`${http.server.url}/api/v1/events`, {
    headers: { authorization: `Bearer ${TOKENS.observer}`, 'last-event-id': '0' },
    signal: live.signal,
  });
  const reading = (async () => {
    for await (const part of stream.body ?? []) heard.push(Buffer.from(part as Uint8Array).toString());
  })().catch(() => {});

  const { connection, subjects } = await fleet.queue.broker();
  for (const [id, type, body, headers = {}] of BODIES) {
    const subject = subjects.work({ kind: 'jobs', priority: 'normal', type, id });
    const bytes = id === 'not-text' ? Buffer.from(body, 'latin1') : Buffer.from(body);
    const list = messageHeaders();
    for (const [name, value] of Object.entries(headers)) list.set(name, value);
    connection.publish(subject, bytes, { headers: list });
  }
  await connection.flush();
  for (const [id] of BODIES) {
    await vi.waitFor(async () =>
      expect((await fleet.queue.getJob(id))?.attempt ?? -1, id).toBeGreaterThanOrEqual(0),
    );
  }
  await vi.waitFor(async () =>
    expect(await fleet.queue.getJob('failing')).toMatchObject({ status: 'failed' }),
  );
  await vi.waitFor(() => expect(heard.join('')).toContain('"failing"'));
  // The record itself stays whole.
  expect(JSON.stringify(await fleet.queue.getJob('own'))).toContain(SECRET);

  const token = TOKENS.observer;
  const paths = BODIES.flatMap(([id]) => [
    `/jobs/${id}`,
    `/jobs/${id}/history`,
    `/jobs/${id}/related`,
    `/jobs/${id}/family`,
    `/webhooks/${id}`,
  ]);
  const lists = [
    '/jobs',
    '/jobs?status=failed',
    '/jobs?status=completed',
    '/webhooks',
    '/workers',
    '/stats',
    '/streams',
  ];
  for (const path of [...paths, ...lists]) {
    const { text } = await http.call(`/api/v1${path}`, { token });
    expect(text, path).not.toContain(SECRET);
  }
  expect(heard.join('')).not.toContain(SECRET);
  expect(JSON.stringify(steps)).not.toContain(SECRET);
  live.abort();
  await reading;

  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const shown = await Promise.all([
    cli(['job', 'list', '--json'], { env }),
    cli(['job', 'get', 'own', '--json'], { env }),
    cli(['job', 'get', 'broken'], { env }),
    cli(['job', 'watch', 'failing', '--from', 'all'], { env }),
  ]);
  for (const { code, stdout, stderr } of shown) {
    expect(stdout + stderr).not.toContain(SECRET);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  }
});

test('the errors of a flow are shown without secrets', async () => {
  const { id } = await fleet.queue.addFlow({ jobs: { first: { type: 'failing', payload: null } } });
  await vi.waitFor(async () => expect(await fleet.queue.getFlow(id)).toMatchObject({ state: 'rejected' }));
  expect(JSON.stringify(await fleet.queue.getFlow(id))).toContain(SECRET);
  const { json } = await http.call(`/api/v1/flows/${id}`, { token: TOKENS.observer });
  const message = 'cannot log in to https://[masked]@h/[masked] Authorization: [masked] [masked]';
  expect(json.jobs).toMatchObject([{ key: 'first', error: { message } }]);
  expect(JSON.stringify(json)).not.toContain(SECRET);
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const shown = await cli(['flow', 'get', id, '--json'], { env });
  expect(JSON.parse(shown.stdout)).toEqual(json);
});

test('no secret reaches a log line', async () => {
  const lines = new PassThrough();
  const logger = pino({ ...logMasks }, lines);
  const cause = new Error(`https://u:${SECRET}@h`);
  const err = new NonRetryableError(`Bearer ${SECRET}`, { cause, excerpt: SECRET });
  logger.error(
    { err, apiKey: SECRET, request: { headers: { 'X-Auth': SECRET } }, url: `nats://u:${SECRET}@h` },
    'failed',
  );
  const [line] = (await once(lines, 'data')) as [Buffer];
  expect(line.toString()).toContain('[masked]');
  expect(line.toString()).not.toContain(SECRET);
});

import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type ConnectOptions, openConnection } from '../../src/broker/connection/connection.js';
import { JobQueueService } from '../../src/index.js';
import { type Certificates, makeCertificates } from '../support/certificates.js';
import { cli } from '../support/cli.js';
import { type ConfiguredNats, startConfigured } from '../support/configured-nats.js';

let plain: ConfiguredNats;
let secure: ConfiguredNats;
let strict: ConfiguredNats;
let certificates: Certificates;

/** A server with TLS; a strict one wants a certificate of its clients. */
const tlsSettings = (verify: boolean) =>
  `tls { cert_file: "${certificates.serverCert}", key_file: "${certificates.serverKey}", ca_file: "${certificates.ca}", verify: ${verify} }`;

beforeAll(async () => {
  plain = await startConfigured('');
  certificates = await makeCertificates(plain.folder);
  secure = await startConfigured(tlsSettings(false));
  strict = await startConfigured(tlsSettings(true));
});

afterAll(async () => {
  for (const server of [strict, secure, plain]) await server[Symbol.asyncDispose]();
});

async function enters(options: ConnectOptions): Promise<boolean> {
  const connection = await openConnection({ env: {}, ...options });
  await connection.flush();
  await connection.close();
  return true;
}

const clientFiles = () => ({
  caFile: certificates.ca,
  certFile: certificates.clientCert,
  keyFile: certificates.clientKey,
});

test.each<[string, () => ConnectOptions]>([
  ['tls:// and a CA', () => ({ servers: `tls://${secure.address}`, tls: { caFile: certificates.ca } })],
  ['tls:// by name', () => ({ servers: `TLS://localhost:${secure.port}`, tls: { caFile: certificates.ca } })],
  ['nats:// and a CA', () => ({ servers: `nats://${secure.address}`, tls: { caFile: certificates.ca } })],
  ['a client certificate', () => ({ servers: `tls://${strict.address}`, tls: clientFiles() })],
  [
    'the environment',
    () => ({
      servers: `tls://${strict.address}`,
      env: {
        NATS_TLS_CA: certificates.ca,
        NATS_TLS_CERT: certificates.clientCert,
        NATS_TLS_KEY: certificates.clientKey,
      },
    }),
  ],
  ['nats:// and no TLS', () => ({ servers: `nats://${plain.address}` })],
])('%s connects', async (_, options) => {
  expect(await enters(options())).toBe(true);
});

test.each<[string, () => ConnectOptions]>([
  ['tls:// to a server without TLS', () => ({ servers: `tls://${plain.address}` })],
  [
    'a list with one tls:// to servers without TLS',
    () => ({ servers: `nats://${plain.address},tls://127.0.0.1:1` }),
  ],
  [
    'a CA and a server without TLS',
    () => ({ servers: `nats://${plain.address}`, tls: { caFile: certificates.ca } }),
  ],
  ['a certificate of an unknown authority', () => ({ servers: `tls://${secure.address}` })],
  ['a server with TLS, by nats:// without its CA', () => ({ servers: `nats://${secure.address}` })],
  [
    'no client certificate where one is asked for',
    () => ({ servers: `tls://${strict.address}`, tls: { caFile: certificates.ca } }),
  ],
])('%s is refused', async (_, options) => {
  await expect(enters(options())).rejects.toMatchObject({ code: 'JETFLEET_BROKER_TLS', retryable: false });
});

test.each<[string, () => ConnectOptions]>([
  ['a CA file that is not there', () => ({ tls: { caFile: '/no/such/ca.pem' } })],
  ['a certificate without its key', () => ({ tls: { certFile: certificates.clientCert } })],
  ['a key without its certificate', () => ({ env: { NATS_TLS_KEY: certificates.clientKey } })],
])('%s is a wrong option', async (_, options) => {
  await expect(enters({ servers: `tls://${secure.address}`, ...options() })).rejects.toMatchObject({
    code: 'JETFLEET_OPTION_INVALID',
  });
});

test('the command line keeps a scheme or refuses it', async () => {
  const setUp = (url: string, ...args: string[]) => cli(['setup', '--json', '--nats-url', url, ...args]);
  const [plaintext, web, trusted] = await Promise.all([
    setUp(`tls://${plain.address}`),
    setUp(`http://${plain.address}`),
    setUp(`tls://${secure.address}`, '--tls-ca', certificates.ca),
  ]);
  expect(plaintext.code).toBe(1);
  expect(JSON.parse(plaintext.stderr)).toMatchObject({ error: { code: 'JETFLEET_BROKER_TLS' } });
  expect(web.code).toBe(2);
  expect(JSON.parse(web.stderr)).toMatchObject({ error: { code: 'JETFLEET_OPTION_INVALID' } });
  expect(trusted).toMatchObject({ code: 0, stderr: '' });
});

test('a client certificate that is away for a moment does not end a connection', async () => {
  await using server = await startConfigured(tlsSettings(true));
  const own = await makeCertificates(server.folder);
  await server.reload(
    `tls { cert_file: "${own.serverCert}", key_file: "${own.serverKey}", ca_file: "${own.ca}", verify: true }`,
  );
  const tls = { caFile: own.ca, certFile: own.clientCert, keyFile: own.clientKey };
  await using queue = new JobQueueService({ servers: `tls://${server.address}`, tls, env: {} });
  await queue.connect();
  await rm(own.clientCert);
  await server.reload(tlsSettings(true));
  await (await queue.broker()).connection.reconnect();
  await vi.waitFor(() => expect(queue.isConnected).toBe(false), { interval: 10 });
  await makeCertificates(server.folder);
  await server.reload(
    `tls { cert_file: "${own.serverCert}", key_file: "${own.serverKey}", ca_file: "${own.ca}", verify: true }`,
  );
  await vi.waitFor(() => expect(queue.isConnected).toBe(true), { interval: 20 });
});

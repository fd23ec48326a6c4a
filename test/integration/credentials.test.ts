import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { nkeys } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ConnectOptions } from '../../src/broker/connection/connection.js';
import { openConnection } from '../../src/broker/connection/connection.js';
import { JobQueueService } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { type ConfiguredNats, startConfigured } from '../support/configured-nats.js';
import { Operator } from '../support/operator.js';

const PASSWORD = 'p@ss/w:rd,%';
const TOKEN = 'to/k@n';
const KEY = nkeys.createUser();
const SEED = Buffer.from(KEY.getSeed()).toString();

let users: ConfiguredNats;
let tokens: ConfiguredNats;
let seedFile: string;
let passwordUrl: string;

beforeAll(async () => {
  const list = `{ user: "al ice", password: "${PASSWORD}" }, { nkey: ${KEY.getPublicKey()} }`;
  users = await startConfigured(`authorization { users: [${list}] }`);
  tokens = await startConfigured(`authorization { token: "${TOKEN}" }`);
  seedFile = join(users.folder, 'user.nk');
  await writeFile(seedFile, `# rotated on Monday\n${SEED}\n`);
  passwordUrl = `nats://al%20ice:${encodeURIComponent(PASSWORD)}@${users.address}`;
});

afterAll(async () => {
  await users[Symbol.asyncDispose]();
  await tokens[Symbol.asyncDispose]();
});

/** Whether somebody gets in: a connection that is let in answers a ping. */
async function enters(options: ConnectOptions): Promise<boolean> {
  const connection = await openConnection({ env: {}, ...options });
  await connection.flush();
  await connection.close();
  return true;
}

test.each<[string, () => ConnectOptions]>([
  ['user and password in the URL', () => ({ servers: passwordUrl })],
  ['user and password', () => ({ servers: users.address, user: 'al ice', password: PASSWORD })],
  ['an nkey', () => ({ servers: users.address, nkey: SEED })],
  ['the file of an nkey', () => ({ servers: users.address, nkey: seedFile })],
  ['a token in the URL', () => ({ servers: `nats://${encodeURIComponent(TOKEN)}@${tokens.address}` })],
  ['a token', () => ({ servers: tokens.address, token: TOKEN })],
  ['NATS_USER, NATS_PASSWORD', () => from(users, { NATS_USER: 'al ice', NATS_PASSWORD: PASSWORD })],
  ['NATS_TOKEN', () => from(tokens, { NATS_TOKEN: TOKEN })],
  ['NATS_NKEY', () => from(users, { NATS_NKEY: seedFile })],
  ['NATS_URL', () => ({ env: { NATS_URL: passwordUrl } })],
  [
    'a user, and the password of the environment',
    () => from(users, { NATS_PASSWORD: PASSWORD }, { user: 'al ice' }),
  ],
  ['an option beside a wrong URL', () => ({ servers: `wrong@${users.address}`, nkey: SEED })],
  ['a URL beside a wrong environment', () => ({ servers: passwordUrl, env: { NATS_TOKEN: 'wrong' } })],
  ['an option beside a wrong environment', () => from(users, { NATS_TOKEN: 'wrong' }, { nkey: SEED })],
  [
    'empty variables beside a URL',
    () => ({ servers: passwordUrl, user: '', env: { NATS_CREDS: '', NATS_USER: '' } }),
  ],
  ['several servers, the first of them away', () => ({ servers: `127.0.0.1:1,${passwordUrl}` })],
])('%s lets in', async (_, options) => {
  expect(await enters(options())).toBe(true);
});

function from(server: ConfiguredNats, env: NodeJS.ProcessEnv, options: ConnectOptions = {}): ConnectOptions {
  return { servers: server.address, env, ...options };
}

test.each<[string, () => ConnectOptions, RegExp]>([
  ['nothing', () => ({ servers: users.address }), /asks for credentials and none were given/],
  [
    'a wrong password',
    () => ({ servers: users.address, user: 'al ice', password: 'hunter2' }),
    /the user "al ice"/,
  ],
  [
    'a wrong password in the URL',
    () => ({ servers: `nats://bob:hunter2@${users.address}` }),
    /the user "bob"/,
  ],
  ['a wrong token', () => ({ servers: tokens.address, token: 'hunter2' }), /the token/],
  [
    'a foreign nkey',
    () => ({ servers: users.address, nkey: Buffer.from(nkeys.createUser().getSeed()).toString() }),
    /the nkey/,
  ],
  [
    'a wrong password, beside a server that is away',
    () => ({ servers: `127.0.0.1:1,bob:hunter2@${users.address}` }),
    /"bob"/,
  ],
  [
    'a wrong password, before a server that is away',
    () => ({ servers: `bob:hunter2@${users.address},127.0.0.1:1` }),
    /"bob"/,
  ],
])('%s is refused as credentials', async (_, options, words) => {
  const refusal = await enters(options()).catch((error: unknown) => error as Error);
  expect(refusal).toMatchObject({ code: 'JETFLEET_BROKER_AUTH', retryable: false });
  expect(refusal).toMatchObject({ message: expect.stringMatching(words) });
  expect(refusal).not.toMatchObject({
    message: expect.stringMatching(/unreachable|jetfleet dev|hunter2|SU[A-Z2-7]{50}/),
  });
});

test.each<[string, () => ConnectOptions]>([
  ['a user and a token', () => ({ user: 'a', token: 'hunter2' })],
  ['two kinds in the environment', () => ({ env: { NATS_USER: 'a', NATS_CREDS: '/no/such' } })],
  ['a password without a user', () => ({ password: 'hunter2' })],
  ['NATS_PASSWORD without NATS_USER', () => ({ env: { NATS_PASSWORD: 'hunter2' } })],
  ['a token with a password', () => ({ token: 'hunter2', password: 'hunter2' })],
  ['a creds file that is not there', () => ({ credsFile: '/no/such/file' })],
  ['an nkey file that is not there', () => ({ nkey: '/no/such/file' })],
  ['a creds file that holds none', () => ({ credsFile: seedFile })],
  // Not its last character: two bits of that one mean nothing.
  [
    'an nkey with a typing error',
    () => ({ nkey: SEED.replace(/.(?=.$)/, (one) => (one === 'A' ? 'B' : 'A')) }),
  ],
  ['an nkey that was cut', () => ({ nkey: SEED.slice(0, 50) })],
  ['an nkey in lower case', () => ({ nkey: SEED.toLowerCase() })],
  ['an nkey with a letter too many', () => ({ env: { NATS_NKEY: `${SEED}A` } })],
  ['a seed as the creds file', () => ({ credsFile: SEED })],
  ['credentials as the creds file', () => ({ env: { NATS_CREDS: `-----BEGIN X-----\n${SEED}\n` } })],
  ['a JWT as the creds file', () => ({ credsFile: `eyJ0eXAiOiJKV1QifQ.${SEED}` })],
  ['a key as the key file', () => ({ tls: { keyFile: `-----BEGIN KEY-----\n${SEED}`, certFile: '/x' } })],
  ['a certificate in the environment', () => ({ env: { NATS_TLS_CA: `-----BEGIN X-----\n${SEED}` } })],
  ['TLS by another name', () => ({ tls: { ca: SEED } as never })],
  ['TLS as a truth', () => ({ tls: true as never })],
  ['TLS as a text', () => ({ tls: SEED as never })],
  ['a number as a TLS file', () => ({ tls: { caFile: 7 } as never })],
])('%s is a wrong option', async (_, options) => {
  const refusal = await enters({ servers: users.address, ...options() }).catch(
    (error: unknown) => error as Error,
  );
  expect(refusal).toMatchObject({ code: 'JETFLEET_OPTION_INVALID' });
  const shown = inspect(refusal);
  expect(shown).not.toMatch(/hunter2|SU[A-Z2-7]{40}/i);
});

test('the command line takes credentials from flags and the environment, and ends with 1 when they are refused', async () => {
  const setUp = (args: string[], env: Record<string, string> = {}) =>
    cli(['setup', '--json', ...args], { env });
  const url = ['--nats-url', users.address];
  const [flags, variables, mixed, refused] = await Promise.all([
    setUp([...url, '--user', 'al ice', '--password', PASSWORD]),
    setUp([], { NATS_URL: users.address, NATS_NKEY: seedFile }),
    setUp([...url, '--nkey', seedFile], { NATS_TOKEN: 'wrong' }),
    setUp(['--nats-url', `nats://bob:hunter2@${users.address}`]),
  ]);
  expect([flags, variables, mixed].map(({ code, stderr }) => ({ code, stderr }))).toEqual(
    Array(3).fill({ code: 0, stderr: '' }),
  );
  expect(refused.code).toBe(1);
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'JETFLEET_BROKER_AUTH' } });
  expect(refused.stderr).not.toContain('hunter2');
});

test('a creds file that is renewed on disk is read again at each reconnect', async () => {
  const operator = new Operator();
  await using nats = await startConfigured(operator.settings());
  const credsFile = join(nats.folder, 'worker.creds');
  await writeFile(credsFile, operator.creds(3_000));
  await using queue = new JobQueueService({ servers: nats.address, credsFile, env: {} });
  await queue.addJob('report', {}, 'normal', { id: 'before' });

  // The credentials run out: the server drops the connection, and refuses each attempt until the file has changed.
  await vi.waitFor(() => expect(queue.isConnected).toBe(false), { interval: 20 });
  await writeFile(credsFile, 'half writ');
  const renewed = `${credsFile}.new`;
  await writeFile(renewed, operator.creds(3_600_000));
  await rename(renewed, credsFile);
  await vi.waitFor(() => expect(queue.isConnected).toBe(true), { interval: 20 });
  await queue.addJob('report', {}, 'normal', { id: 'after' });
  expect((await queue.getJobs()).jobs.map(({ id }) => id).sort()).toEqual(['after', 'before']);
});

test('expired credentials are refused as such', async () => {
  const operator = new Operator();
  await using nats = await startConfigured(operator.settings());
  const credsFile = join(nats.folder, 'old.creds');
  await writeFile(credsFile, operator.creds(-60_000));
  await expect(enters({ servers: nats.address, credsFile })).rejects.toMatchObject({
    code: 'JETFLEET_BROKER_AUTH',
    message: expect.stringContaining(credsFile),
  });
  const jwt = (await readFile(credsFile, 'utf8')).split('\n')[1] ?? '';
  await expect(enters({ servers: nats.address, credsFile })).rejects.not.toThrow(jwt);
});

test('a refused worker logs that it is refused, seldom, and never its password', async () => {
  const open = 'authorization { users: [{ user: a, password: hunter2 }] }';
  await using nats = await startConfigured(open);
  const lines: string[] = [];
  const log = (...args: unknown[]) =>
    void lines.push(
      JSON.stringify(args, (_, value) => (value instanceof Error ? `${value.message}` : value)),
    );
  const logger = { debug: log, info: log, warn: log, error: log, trace: log, fatal: log } as never;
  await using queue = new JobQueueService({ servers: `nats://a:hunter2@${nats.address}`, env: {}, logger });
  await queue.connect();
  await nats.reload('authorization { users: [{ user: a, password: other }] }');
  await vi.waitFor(() => expect(queue.isConnected).toBe(false), { interval: 20 });
  await vi.waitFor(() => expect(lines.filter((line) => /refuses/.test(line))).toHaveLength(1));
  await nats.reload(open);
  await vi.waitFor(() => expect(queue.isConnected).toBe(true), { interval: 20 });
  expect(lines.filter((line) => /refuses/.test(line))).toHaveLength(1);
  expect(lines.join('\n')).not.toContain('hunter2');
});

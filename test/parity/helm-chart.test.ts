/** The chart of Helm, rendered with several values by the libraries that Helm is made of, which Debian has. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { Ajv, type ValidateFunction } from 'ajv';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import packageJson from '../../package.json' with { type: 'json' };
import { parseDuration } from '../../src/cli/options.js';
import { buildGo, type GoBinary } from '../support/go.js';
import {
  containerFaults,
  containersOf,
  type Manifest,
  manifestsIn,
  validate,
} from '../support/kubernetes.js';

const FOLDER = 'deploy/helm/jetfleet';
const read = (path: string) => readFileSync(`${FOLDER}/${path}`, 'utf8');

type Values = { [name: string]: Value };
type Value = Values | readonly Value[] | string | number | boolean | null;

const defaults = parse(read('values.yaml')) as Values;
const chart = parse(read('Chart.yaml')) as Record<string, string>;
const templates = Object.fromEntries(
  readdirSync(`${FOLDER}/templates`).map((name) => [`jetfleet/templates/${name}`, read(`templates/${name}`)]),
);

const isMap = (value: Value | undefined): value is Values =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** As Helm merges values: maps by key, and null takes a key away. */
function merged(base: Values, given: Values): Values {
  const entries = Object.entries(given).map(([name, value]): [string, Value] => {
    const before = base[name];
    return [name, isMap(before) && isMap(value) ? merged(before, value) : value];
  });
  const all = { ...base, ...Object.fromEntries(entries) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== null));
}

const isValid = new Ajv({ strict: false, allErrors: true }).compile(
  JSON.parse(read('values.schema.json')) as object,
) as ValidateFunction;

describe.skipIf(process.env.JETFLEET_PARITY !== '1')('the chart', () => {
  let helm: GoBinary;
  beforeAll(async () => {
    helm = await buildGo(readFileSync('test/support/helm.go', 'utf8'));
  });
  afterAll(async () => helm?.[Symbol.asyncDispose]());

  /** @throws Error what the schema of the values, or a template, does not accept */
  function render(given: Values = {}, release = 'jetfleet'): { manifests: Manifest[]; notes: string } {
    const values = merged(defaults, given);
    if (!isValid(values)) throw new Error(JSON.stringify(isValid.errors));
    const data = {
      Values: values,
      Release: { Name: release, Namespace: 'jobs', Service: 'Helm', IsInstall: true, Revision: 1 },
      Chart: { Name: chart.name, Version: chart.version, AppVersion: chart.appVersion },
      Capabilities: { KubeVersion: { Version: 'v1.31.0' }, APIVersions: [] },
    };
    const { status, stdout, stderr } = spawnSync(helm.path, {
      input: JSON.stringify({ templates, data }),
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(stderr);
    const { 'jetfleet/templates/NOTES.txt': notes = '', ...rendered } = JSON.parse(stdout) as Record<
      string,
      string
    >;
    return { manifests: Object.values(rendered).flatMap(manifestsIn), notes };
  }

  const named = (manifests: readonly Manifest[], kind: string, name: string) => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === name);
    if (!found)
      throw new Error(
        `no ${kind} ${name} in ${manifests.map((each) => `${each.kind} ${each.metadata.name}`)}`,
      );
    return found;
  };
  const namesOf = (manifests: readonly Manifest[]) =>
    manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort();

  /** A fleet with all that the values can say. */
  const FLEET: Values = {
    image: { repository: 'registry.example.com/jobs', tag: '2026.11', pullPolicy: 'Always' },
    imagePullSecrets: [{ name: 'registry' }],
    nats: { url: 'tls://nats:4222', caSecret: 'nats-ca', replicas: 1, sync: 'periodic' },
    queueNamespace: 'acme',
    env: { LOG_LEVEL: 'debug' },
    workers: {
      worker: null,
      reports: {
        replicas: 3,
        handlers: ['/app/reports.js', '/app/mail.js'],
        concurrency: { make_report: 4, send_mail: 20 },
        shutdownTimeoutSeconds: 600,
        args: ['--log-attempts'],
        env: { LOG_LEVEL: 'info', JETFLEET_MAX_OBJECT_BYTES: 1_048_576 },
        volumes: [{ name: 'handlers', configMap: { name: 'handlers' } }],
        volumeMounts: [{ name: 'handlers', mountPath: '/app' }],
        podAnnotations: { 'example.com/team': 'reports' },
        nodeSelector: { pool: 'jobs' },
        tolerations: [{ key: 'jobs', operator: 'Exists' }],
        affinity: { podAntiAffinity: {} },
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} },
        ],
      },
      webhooks: { builtIn: 'webhooks', scaling: { enabled: true, slots: { send_webhook: 25 } } },
    },
    server: {
      environment: 'production of acme',
      service: { type: 'LoadBalancer', port: 8080, annotations: { 'example.com/internal': 'true' } },
      ingress: {
        enabled: true,
        className: 'nginx',
        host: 'jobs.example.com',
        tlsSecret: 'jobs-tls',
        annotations: {},
      },
    },
  };
  const CASES: Record<string, Values> = {
    'its defaults': {},
    'a fleet': FLEET,
    'a worker alone': {
      server: { enabled: false },
      setup: { enabled: false },
      nats: { passwordSecret: '' },
    },
    'a server alone': { workers: { worker: null } },
  };

  test.each(Object.entries(CASES))(
    'of %s has manifests that fit their schemas and the command line',
    (_, values) => {
      const { manifests } = render(values);
      for (const manifest of manifests) validate(manifest);
      const names = namesOf(manifests);
      expect(new Set(names).size).toBe(names.length);
      expect(
        containersOf(manifests).map((container) => [container.name, containerFaults(container)]),
      ).toEqual(containersOf(manifests).map(({ name }) => [name, []]));
      for (const { kind, metadata, spec } of manifests) {
        expect(metadata.labels).toMatchObject({ 'app.kubernetes.io/instance': 'jetfleet' });
        if (kind !== 'Deployment') continue;
        expect(spec.template.metadata.labels).toMatchObject(spec.selector.matchLabels);
        expect(named(manifests, 'PodDisruptionBudget', metadata.name).spec.selector).toEqual(spec.selector);
        const args = containersOf([{ kind, metadata, spec } as Manifest])[0]?.args ?? [];
        const flag = ['--shutdown-timeout', '--drain-delay'].find((each) => args.includes(each)) ?? '';
        const drainMs = parseDuration(args[args.indexOf(flag) + 1] ?? '');
        expect(spec.template.spec.terminationGracePeriodSeconds * 1_000).toBeGreaterThanOrEqual(
          drainMs + 5_000,
        );
      }
    },
  );

  test('has the pods of deploy/kubernetes by default', () => {
    const { manifests } = render();
    const files = ['setup', 'worker', 'server'].map((name) => `deploy/kubernetes/${name}.yaml`);
    const plain = files.flatMap((file) => manifestsIn(readFileSync(file, 'utf8')));
    expect(namesOf(manifests)).toEqual(namesOf(plain));
    for (const { kind, metadata, spec } of plain) {
      if (!['Deployment', 'Job'].includes(kind)) continue;
      const ours = named(manifests, kind, metadata.name).spec;
      const [container] = spec.template.spec.containers;
      const [own] = ours.template.spec.containers;
      expect({ ...ours.template.spec, containers: [] }).toEqual({ ...spec.template.spec, containers: [] });
      // It sets the port of its probes by a flag.
      const env = container.env.filter(({ name }: { name: string }) => name !== 'JETFLEET_HEALTH_PORT');
      const port = metadata.name === 'jetfleet-worker' ? ['--health-port', '8080'] : [];
      const image = { image: `jetfleet:${packageJson.version}`, imagePullPolicy: 'IfNotPresent' };
      const byName = (list: { name: string }[]) => list.toSorted((a, b) => a.name.localeCompare(b.name));
      expect({ ...own, env: byName(own.env) }).toEqual({
        ...container,
        ...image,
        args: [...container.args, ...port],
        env: byName(env),
      });
    }
    expect(chart.appVersion).toBe(packageJson.version);
  });

  test('of a fleet has workers of several kinds, each with its handlers, slots and settings', () => {
    const { manifests, notes } = render(FLEET);
    expect(namesOf(manifests)).toEqual([
      'Deployment jetfleet-reports',
      'Deployment jetfleet-server',
      'Deployment jetfleet-webhooks',
      'Ingress jetfleet-server',
      'Job jetfleet-setup',
      'PodDisruptionBudget jetfleet-reports',
      'PodDisruptionBudget jetfleet-server',
      'PodDisruptionBudget jetfleet-webhooks',
      'ScaledObject jetfleet-webhooks',
      'Service jetfleet-server',
      'TriggerAuthentication jetfleet-scale',
    ]);
    const { spec } = named(manifests, 'Deployment', 'jetfleet-reports');
    expect(spec.replicas).toBe(3);
    expect(spec.template.spec).toMatchObject({
      terminationGracePeriodSeconds: 605,
      imagePullSecrets: [{ name: 'registry' }],
      nodeSelector: { pool: 'jobs' },
      tolerations: [{ key: 'jobs' }],
      topologySpreadConstraints: [{ topologyKey: 'zone' }],
      volumes: [{ name: 'handlers' }, { name: 'nats-ca', secret: { secretName: 'nats-ca' } }],
    });
    const [reports] = spec.template.spec.containers;
    expect(reports.image).toBe('registry.example.com/jobs:2026.11');
    expect(reports.args.join(' ')).toBe(
      'worker --wait-for-broker 60s --shutdown-timeout 600s --health-host 0.0.0.0 --health-port 8080 --handlers /app/reports.js ' +
        '--handlers /app/mail.js --concurrency make_report=4 --concurrency send_mail=20 --log-attempts',
    );
    expect(reports.env).toEqual(
      expect.arrayContaining([
        { name: 'NATS_TLS_CA', value: '/etc/nats-ca/ca.crt' },
        { name: 'JETFLEET_NAMESPACE', value: 'acme' },
        { name: 'JETFLEET_SYNC', value: 'periodic' },
        { name: 'LOG_LEVEL', value: 'info' },
        { name: 'JETFLEET_MAX_OBJECT_BYTES', value: '1048576' },
      ]),
    );
    expect(reports.volumeMounts.map(({ mountPath }: { mountPath: string }) => mountPath)).toEqual([
      '/app',
      '/etc/nats-ca',
    ]);
    const webhooks = named(manifests, 'Deployment', 'jetfleet-webhooks').spec;
    expect(webhooks.replicas).toBeUndefined();
    expect(webhooks.template.spec.containers[0].args).toEqual(
      expect.arrayContaining(['--built-in', 'webhooks']),
    );
    const scaled = named(manifests, 'ScaledObject', 'jetfleet-webhooks').spec;
    expect(scaled.scaleTargetRef.name).toBe('jetfleet-webhooks');
    const { port } = named(manifests, 'Service', 'jetfleet-server').spec.ports[0];
    expect(scaled.triggers).toEqual([
      expect.objectContaining({
        metadata: expect.objectContaining({
          url: `http://jetfleet-server:${port}/api/v1/scale/send_webhook`,
          targetValue: '25',
        }),
      }),
    ]);
    const setup = containersOf([named(manifests, 'Job', 'jetfleet-setup')])[0];
    expect(setup?.env).toContainEqual({ name: 'JETFLEET_REPLICAS', value: '1' });
    expect(notes).toContain('port-forward service/jetfleet-server 8080:8080');
  });

  test('has the name of its release, and no credentials if there are none', () => {
    const { manifests } = render({ nats: { passwordSecret: '' } }, 'acme');
    expect(namesOf(manifests)).toContain('Deployment acme-jetfleet-worker');
    for (const { env } of containersOf(manifests))
      expect(env.map(({ name }) => name)).not.toContain('NATS_USER');
  });

  test.each<[string, Values, RegExp]>([
    ['a name that there is not', { worker: {} }, /additionalProperties/],
    ['an option of a worker that there is not', { workers: { worker: { handler: [] } } }, /handler/],
    ['a duration without its unit', { waitForBroker: '60' }, /waitForBroker/],
    ['a worker with the name of the server', { workers: { server: {} } }, /propertyNames/],
    ['a plain number of replicas as text', { server: { replicas: '2' } }, /must be integer/],
    ['an ingress without a host', { server: { ingress: { enabled: true } } }, /minLength/],
    [
      'scaling without a server',
      { server: { enabled: false }, workers: { worker: { scaling: { enabled: true, slots: { a: 1 } } } } },
      /needs server.enabled/,
    ],
    [
      'scaling without types',
      { workers: { worker: { scaling: { enabled: true } } } },
      /name the job types, such as create_instance: 10/,
    ],
  ])('refuses %s', (_, values, reason) => {
    expect(() => render(values)).toThrow(reason);
  });
});

/** The manifests of Kubernetes, KEDA and systemd, held to the schemas of their objects and to what Jetfleet has. */
import { readdirSync, readFileSync } from 'node:fs';
import { ScaledObject } from '@kubernetes-models/keda/keda.sh/v1alpha1/ScaledObject';
import { TriggerAuthentication } from '@kubernetes-models/keda/keda.sh/v1alpha1/TriggerAuthentication';
import { Deployment } from 'kubernetes-models/apps/v1/Deployment';
import { Job } from 'kubernetes-models/batch/v1/Job';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1/PodDisruptionBudget';
import { Namespace } from 'kubernetes-models/v1/Namespace';
import { Service } from 'kubernetes-models/v1/Service';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { parseDuration } from '../../src/cli/options.js';
import { callFaults } from '../support/command-line.js';

const read = (path: string) => readFileSync(path, 'utf8');
const FOLDER = 'deploy/kubernetes';

interface Container {
  name: string;
  args: string[];
  env: { name: string; value?: string; valueFrom?: { secretKeyRef: { name: string; key: string } } }[];
  ports?: { name: string; containerPort: number }[];
  securityContext: object;
  resources: { limits: { memory: string } };
  livenessProbe?: { httpGet: { path: string; port: string } };
  readinessProbe?: { httpGet: { path: string; port: string } };
  startupProbe?: { httpGet: { path: string; port: string } };
}
interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  // biome-ignore lint/suspicious/noExplicitAny: a manifest of any kind
  spec: any;
}

const MODELS: Record<string, new (data: never) => { validate(): void }> = {
  'apps/v1 Deployment': Deployment,
  'batch/v1 Job': Job,
  'policy/v1 PodDisruptionBudget': PodDisruptionBudget,
  'v1 Namespace': Namespace,
  'v1 Service': Service,
  'keda.sh/v1alpha1 ScaledObject': ScaledObject,
  'keda.sh/v1alpha1 TriggerAuthentication': TriggerAuthentication,
};

const files = readdirSync(FOLDER).filter((name) => name !== 'kustomization.yaml');
const manifests = files.flatMap((name) =>
  parseAllDocuments(read(`${FOLDER}/${name}`)).map((document) => document.toJS() as Manifest),
);
const named = manifests.map((manifest) => ({ name: `${manifest.kind} ${manifest.metadata.name}`, manifest }));
const pods = manifests.filter(({ kind }) => ['Deployment', 'Job'].includes(kind));
const containers = pods.flatMap(({ spec }) => spec.template.spec.containers as Container[]);
const guide = read('docs/guides/deployment.md');

/** The variables that README lists. */
const ENVIRONMENT = [...read('README.md').matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|/gm)].flatMap(
  ([, names = '']) => names.replaceAll('`', '').split(', '),
);

test.for(named)('$name fits its schema', ({ manifest }) => {
  const Model = MODELS[`${manifest.apiVersion} ${manifest.kind}`];
  if (!Model) throw new Error(`no schema for ${manifest.apiVersion} ${manifest.kind}`);
  new Model(manifest as never).validate();
  const broken = { ...manifest, metadata: { name: 1 } };
  expect(() => new Model(broken as never).validate()).toThrow();
});

test('the kustomization has every file but the one for KEDA', () => {
  const { resources } = parse(read(`${FOLDER}/kustomization.yaml`)) as { resources: string[] };
  expect([...resources, 'keda.yaml'].sort()).toEqual(files.sort());
});

test.for(containers)(
  'the container $name is called as Jetfleet is, with variables that it reads',
  ({ args, env }) => {
    expect(callFaults(args)).toEqual([]);
    expect(env.map(({ name }) => name).filter((name) => !ENVIRONMENT.includes(name))).toEqual([]);
  },
);

test('every secret is one that the guide makes', () => {
  const used = containers.flatMap(({ env }) => env.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef ?? []));
  const scale = manifests.find(({ kind }) => kind === 'TriggerAuthentication')?.spec.secretTargetRef[0];
  for (const { name, key } of [...used, scale]) {
    const [, made = ''] =
      new RegExp(`create secret generic ${name} ([^\n]*(?:\\\\\n[^\n]*)*)`).exec(guide) ?? [];
    expect(made, name).toContain(`--from-literal=${key}=`);
  }
});

test.for(pods)('$metadata.name runs without rights, and with a limit', ({ spec }) => {
  const { securityContext, automountServiceAccountToken, containers: all } = spec.template.spec;
  expect(automountServiceAccountToken).toBe(false);
  expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
  for (const container of all as Container[]) {
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect(container.resources.limits.memory).toMatch(/Mi$/);
  }
});

test('workers and servers have probes at a port that they open, and the time to drain', () => {
  for (const { kind, metadata, spec } of pods) {
    if (kind !== 'Deployment') continue;
    const { terminationGracePeriodSeconds: grace } = spec.template.spec;
    const [container] = spec.template.spec.containers as [Container];
    const [port] = container.ports ?? [];
    const health = container.env.find(({ name }) => name === 'JETFLEET_HEALTH_PORT')?.value ?? '8080';
    expect(port?.containerPort, metadata.name).toBe(Number(health));
    expect(container.startupProbe?.httpGet).toEqual({ path: '/livez', port: port?.name });
    expect(container.livenessProbe?.httpGet).toEqual({ path: '/livez', port: port?.name });
    expect(container.readinessProbe?.httpGet).toEqual({ path: '/readyz', port: port?.name });
    const flag = ['--shutdown-timeout', '--drain-delay'].find((each) => container.args.includes(each)) ?? '';
    const drainMs = parseDuration(container.args[container.args.indexOf(flag) + 1] ?? '');
    expect(grace * 1_000).toBeGreaterThanOrEqual(drainMs + 5_000);
    const budget = manifests.find(
      (each) => each.kind === 'PodDisruptionBudget' && each.metadata.name === metadata.name,
    );
    expect(budget?.spec.selector.matchLabels).toEqual(spec.template.metadata.labels);
    expect(spec.selector.matchLabels).toEqual(spec.template.metadata.labels);
  }
});

test('KEDA asks for the number of a built-in type, of the service that there is', () => {
  const scaled = manifests.find(({ kind }) => kind === 'ScaledObject');
  expect(manifests.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual(
    expect.arrayContaining([`Deployment ${scaled?.spec.scaleTargetRef.name}`, 'Service jetfleet-server']),
  );
  for (const { metadata } of scaled?.spec.triggers ?? []) {
    expect(metadata.url).toMatch(
      /^http:\/\/jetfleet-server\/api\/v1\/scale\/(create_instance|send_webhook)$/,
    );
    expect(metadata.valueLocation).toBe('value');
  }
});

test('the unit of systemd is called as Jetfleet is, and may drain', () => {
  const unit = read('deploy/systemd/jetfleet-worker.service');
  const value = (key: string) => new RegExp(`^${key}=(.*)$`, 'm').exec(unit)?.[1] ?? '';
  const [program, name, ...words] = value('ExecStart').split(' ');
  expect([program, name]).toEqual(['/usr/bin/env', 'jetfleet']);
  expect(callFaults(words)).toEqual([]);
  const drainMs = parseDuration(words[words.indexOf('--shutdown-timeout') + 1] ?? '');
  expect(Number(value('TimeoutStopSec')) * 1_000).toBeGreaterThanOrEqual(drainMs + 5_000);
  const named = /worker\.env \(([^;]*);/.exec(unit.replaceAll(/\n# /g, ' '))?.[1]?.split(', ') ?? [];
  expect(named.length).toBeGreaterThan(3);
  expect(named.filter((each) => !ENVIRONMENT.includes(each))).toEqual([]);
});

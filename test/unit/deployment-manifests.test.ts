/** The manifests of Kubernetes, KEDA and systemd, held to the schemas of their objects and to what Jetfleet has. */
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseDuration } from '../../src/cli/options.js';
import { callFaults } from '../support/command-line.js';
import {
  type Container,
  containerFaults,
  containersOf,
  ENVIRONMENT,
  manifestsIn,
  validate,
} from '../support/kubernetes.js';

const read = (path: string) => readFileSync(path, 'utf8');
const FOLDER = 'deploy/kubernetes';

const files = readdirSync(FOLDER).filter((name) => name !== 'kustomization.yaml');
const manifests = files.flatMap((name) => manifestsIn(read(`${FOLDER}/${name}`)));
const named = manifests.map((manifest) => ({ name: `${manifest.kind} ${manifest.metadata.name}`, manifest }));
const pods = manifests.filter(({ kind }) => ['Deployment', 'Job'].includes(kind));
const containers = containersOf(manifests);
const guide = read('docs/guides/deployment.md');

test.for(named)('$name fits its schema', ({ manifest }) => {
  validate(manifest);
  const broken = { ...manifest, metadata: { name: 1 } };
  expect(() => validate(broken as never)).toThrow();
});

test('the kustomization has every file but the one for KEDA', () => {
  const { resources } = parse(read(`${FOLDER}/kustomization.yaml`)) as { resources: string[] };
  expect([...resources, 'keda.yaml'].sort()).toEqual(files.sort());
});

test.for(containers)(
  'the container $name is called as Jetfleet is, with variables that it reads',
  (container) => {
    expect(containerFaults(container)).toEqual([]);
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

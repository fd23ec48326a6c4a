import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { parse } from 'yaml';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { Metrics } from '../../src/http/metrics.js';
import { LedgerStore } from '../../src/money/ledger-store.js';
import { openedEntry } from '../../src/money/noted-entry.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { WebhookEndpoints } from '../../src/webhooks/endpoints/webhook-endpoints.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startHttp, TOKENS } from '../support/http.js';
import { startNats } from '../support/nats.js';
import { runShell, snippetsOf } from '../support/snippets.js';

const GUIDE = 'docs/guides/monitoring.md';
const guide = readFileSync(GUIDE, 'utf8');
/** The cells of the guide's rows whose first one is a name in code. */
const rows = guide
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')));

interface Rule {
  alert: string;
  expr: string;
  for?: string;
  labels: { severity: string };
  annotations: Record<string, string>;
}
const { groups } = parse(readFileSync('deploy/prometheus/jetfleet.rules.yml', 'utf8')) as {
  groups: { rules: Rule[] }[];
};
const rules = groups.flatMap((group) => group.rules);
const dashboard = JSON.parse(readFileSync('deploy/grafana/jetfleet.json', 'utf8')) as {
  panels: { title: string; targets: { expr: string }[] }[];
};

let nats: EmbeddedServer;
let fleet: Fleet;
let http: Awaited<ReturnType<typeof startHttp>>;
/** The names of labels that each series has, by the name of its metric. */
const labelsOf = new Map<string, Set<string>>();
const helpOf = new Map<string, string>();

beforeAll(async () => {
  nats = await startNats();
  fleet = await startFleet({ nats, handlers: { demo: () => 1 } });
  http = await startHttp(fleet.queue);
  const at = new Date().toISOString();
  const key = { provider: 'novita', id: 'abc' };
  const rental = { ...key, account: 'main', novitaInstanceId: 'abc', tags: [], billedMs: 1_000 };
  const entry = openedEntry({ ...rental, rentedAt: at, pricePerHour: 1 });
  await new LedgerStore(await fleet.queue.broker()).change(key, () => entry);
  await http.call('/metrics');
  let text = '';
  await vi.waitFor(
    async () => {
      await fleet.queue.addJob('demo', {});
      text = (await http.call('/metrics')).text;
      expect(text).toMatch(/^jetfleet_job_run_seconds_count/m);
    },
    { interval: 100 },
  );
  for (const [, name = '', help = ''] of text.matchAll(/^# HELP (\w+) (.*)$/gm)) {
    helpOf.set(name, help);
    labelsOf.set(name, new Set());
  }
  for (const [, series = '', labels = ''] of text.matchAll(/^(jetfleet_\w+)(?:\{(.*)\})? /gm)) {
    const known = labelsOf.get(metricOf(series)) as Set<string>;
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label);
  }
});
afterAll(async () => {
  await http.server.close();
  await fleet[Symbol.asyncDispose]();
  await nats.stop();
});

function metricOf(series: string): string {
  return helpOf.has(series) ? series : series.replace(/_(bucket|sum|count)$/, '');
}

/** What a query asks for that no server serves. */
function unknownIn(query: string): string[] {
  const names = [...query.matchAll(/jetfleet_\w+/g)].map(([series]) => metricOf(series));
  const labels = [
    ...[...query.matchAll(/by \(([^)]*)\)/g)].flatMap(([, list = '']) => list.split(/,\s*/)),
    ...[...query.matchAll(/(\w+)\s*[=!]~?"/g)].map(([, label = '']) => label),
  ];
  const known = new Set([...names.flatMap((name) => [...(labelsOf.get(name) ?? [])]), 'le', 'job']);
  return [...names.filter((name) => !helpOf.has(name)), ...labels.filter((label) => !known.has(label))];
}

test('the guide lists each metric with its labels and its help, and no other', () => {
  const listed = rows.filter(([, name]) => name?.startsWith('jetfleet_'));
  expect(listed.map(([, name]) => name).sort()).toEqual([...helpOf.keys()].sort());
  for (const [, name = '', labels = '', help = ''] of listed) {
    const served = [...(labelsOf.get(name) ?? [])].filter((label) => label !== 'le');
    // Nothing here has failed, so that no callback is named.
    if (name !== 'jetfleet_callback_failures')
      expect(labels.split(', ').filter(Boolean).sort(), name).toEqual(served.sort());
    expect(help, name).toBe(helpOf.get(name));
  }
});

test('the guide lists each alert with its severity', () => {
  const listed = rows.filter(([, name]) => name?.startsWith('Jetfleet'));
  expect(listed.map(([, name, severity]) => [name, severity])).toEqual(
    rules.map(({ alert, labels }) => [alert, labels.severity]),
  );
});

test('alerts and panels ask for what a server serves', () => {
  labelsOf.get('jetfleet_callback_failures')?.add('callback');
  const queries = [
    ...rules.map(({ alert, expr }) => [alert, expr] as const),
    ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ];
  expect(queries).toHaveLength(27);
  for (const [name, query] of queries) expect(unknownIn(query), `${name}: ${query}`).toEqual([]);
  expect(unknownIn('sum by (colour) (jetfleet_jobs{size="1"}) + jetfleet_cars')).toEqual([
    'jetfleet_cars',
    'colour',
    'size',
  ]);
});

test('the command of the guide prints the metrics to an observer', async () => {
  const [command = ''] = snippetsOf(GUIDE).flatMap(({ language, code }) => (language === 'sh' ? [code] : []));
  const here = command.replace('http://localhost:8080', http.server.url);
  const { lines, ended } = runShell(here, { JETFLEET_TOKEN: TOKENS.observer });
  expect(await ended, lines.join('\n')).toBe(0);
  expect(lines).toContain('jetfleet_broker_connected 1');
});

test('metrics of the queue are there although those of endpoints cannot be read', async () => {
  const endpoints = {
    list: () => Promise.reject(new Error('no such stream')),
  } as unknown as WebhookEndpoints;
  const text = await new Metrics(fleet.queue, silentLogger, endpoints).text();
  expect(text).toMatch(/^jetfleet_broker_connected 1$/m);
  expect(text).toMatch(/^jetfleet_jobs\{type="/m);
  expect(text).not.toMatch(/^jetfleet_webhook_endpoints\{/m);
});

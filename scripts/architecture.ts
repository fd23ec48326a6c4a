/**
 * Draws which folder imports which into docs/architecture.md, from the imports themselves. `--check` writes nothing and exits 1 when
 * the page is stale.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cruise, type ICruiseResult } from 'dependency-cruiser';
import { keepPage } from './kept-page.js';

/** What each folder is for, from the bottom up. */
const FOLDERS: Readonly<Record<string, string>> = {
  'src/jobs': 'The record of a job, its states, errors and limits; job types as values. No I/O.',
  machines: 'The statecharts. No I/O.',
  'src/telemetry': 'Logs and alerts; calls of code that users hand in.',
  'src/wire': 'Subjects, headers and messages: the public contract.',
  'src/broker': 'All that is asked of NATS, in jobs and records. The only folder that imports `@nats-io`.',
  'src/embedded': 'Finds, fetches, starts and stops a nats-server.',
  'src/queue': 'Adds, finds, lists, counts, cancels, retries and cleans up jobs.',
  'src/upkeep': 'Finds stuck jobs and missing streams, and repairs them.',
  'src/inspect': 'Shows live what the machines of workers do; draws charts.',
  'src/worker': 'Takes jobs, runs their handlers, writes their outcomes.',
  'src/gpu': 'The interface of GPU providers, their adapters, and simulators of their wires.',
  'src/money': 'The ledger of what was rented, and what it costs.',
  'src/instances': 'Rents, watches and deletes instances: what `gpuInstances` brings to a worker.',
  'src/webhooks': 'Signs, guards and delivers webhooks: what `webhooks` brings to a worker.',
  'src/jetfleet.ts': 'The queue of the package: the engine, given the job types of instances and webhooks.',
  'src/doctor': 'Examines the server, the streams, the jobs and the instances.',
  'src/outbox': 'Jobs out of a transaction of PostgreSQL: the table, the producer, the relay.',
  'src/opentelemetry': 'Traces and metrics by OpenTelemetry, through its API.',
  'src/testing': 'A queue for tests: time that jumps, assertions.',
  dashboard: 'The web page.',
  'src/http': 'The HTTP API, which serves the dashboard too.',
  'src/cli': 'The command line.',
  'src/index.ts': 'What the package exports.',
};

/** The way of one payload, from `queue.add` to the webhook that tells of its end: each file that it enters, once. */
const WALK: readonly (readonly [title: string, steps: readonly (readonly [file: string, what: string])[]])[] =
  [
    [
      'Into the broker',
      [
        [
          'src/queue/job-queue-service.ts',
          '`add` waits for the broker, and counts as under way until the job is stored.',
        ],
        ['src/jobs/define-job.ts', 'The definition checks the payload by its schema.'],
        ['src/queue/job-request.ts', 'The options are checked, and a new id is made.'],
        [
          'src/jobs/job-check.ts',
          'Type, priority and payload are within the limits, and JSON carries them unchanged.',
        ],
        ['src/queue/job-add.ts', 'A new id takes one write. An id of the caller is looked up first.'],
        ['src/broker/publish/job-messages.ts', 'The job becomes a message of its stream.'],
        ['src/wire/subjects.ts', 'The subject.'],
        ['src/wire/job-message.ts', 'The headers.'],
        [
          'src/broker/publish/commit-log.ts',
          'Writes that wait together go as one batch. Each caller gets its own answer.',
        ],
        ['src/broker/connection/client-internals.ts', 'The bytes leave.'],
      ],
    ],
    [
      'Through a worker',
      [
        ['src/worker/lane/lane.ts', 'A free slot asks for a job, the highest priority first.'],
        ['src/broker/consume/pull-source.ts', 'The request, and the message that answers it.'],
        ['src/broker/consume/delivery.ts', 'The message, with what can be said to the server of it.'],
        ['src/worker/claim/job-intake.ts', 'The message is read, and its job claimed.'],
        ['src/worker/claim/claimer.ts', 'Whether the job may run, by its last record where it has one.'],
        ['src/worker/claim/payload-check.ts', 'The payload, by the schema of the handler.'],
        [
          'src/worker/run/job-run.ts',
          'The job in the hands of this worker, until its message is acknowledged.',
        ],
        ['src/worker/run/attempt.ts', 'The handler is called, in time, and its end is awaited.'],
        ['src/worker/run/handler-context.ts', 'What the handler sees.'],
        ['src/worker/outcome/outcome-record.ts', 'The outcome becomes a record.'],
        ['src/queue/transition-record.ts', 'The record names what follows: next jobs, and the webhook.'],
        ['src/queue/follow-ups.ts', 'What its type says, and who listens to all types.'],
        ['src/webhooks/lifecycle-webhook.ts', 'The webhook, as a job.'],
        [
          'src/worker/outcome/job-writes.ts',
          'The record is written, fenced by the one before; then what follows is added, as above.',
        ],
      ],
    ],
    [
      'To the endpoint',
      [
        [
          'src/worker/run/job-actor.ts',
          'The `send_webhook` job is taken as above. Its chart runs as an actor.',
        ],
        ['machines/send-webhook.ts', 'The chart.'],
        ['src/webhooks/webhooks.ts', 'What its chart calls.'],
        ['src/webhooks/webhook-client.ts', 'One attempt: address, request, answer.'],
        ['src/webhooks/endpoint-guard.ts', 'Whether the address may be reached.'],
        ['src/webhooks/signature.ts', 'The signature.'],
      ],
    ],
  ];

type Graph = Map<string, Set<string>>;

/** Which folder imports which. @throws Error for a folder that is not described, and for a circle */
async function foldersOf(): Promise<Graph> {
  const { options } = createRequire(import.meta.url)('../.dependency-cruiser.cjs');
  const { output } = await cruise(['src', 'machines', 'dashboard'], options);
  const graph: Graph = new Map(Object.keys(FOLDERS).map((folder) => [folder, new Set()]));
  for (const { source, dependencies } of (output as ICruiseResult).modules) {
    const from = folderOf(source);
    if (from === undefined) continue;
    const imported = graph.get(from);
    if (!imported) throw new Error(`${from} has no description in scripts/architecture.ts`);
    for (const { resolved, dependencyTypes } of dependencies) {
      // Charts know payloads by their types alone, which are gone once they are compiled.
      if (from === 'machines' && dependencyTypes.includes('type-only')) continue;
      const to = folderOf(resolved);
      if (to !== undefined && to !== from) imported.add(to);
    }
  }
  for (const folder of graph.keys()) {
    if (reachable(graph, graph.get(folder) ?? []).has(folder))
      throw new Error(`${folder} stands in a circle of imports`);
  }
  return graph;
}

function folderOf(path: string): string | undefined {
  return /^(src\/(?:index|jetfleet)\.ts$|src\/[^/]+(?=\/)|machines(?=\/)|dashboard(?=\/))/.exec(path)?.[0];
}

function reachable(graph: Graph, from: Iterable<string>, seen = new Set<string>()): Set<string> {
  for (const folder of from) {
    if (seen.has(folder)) continue;
    seen.add(folder);
    reachable(graph, graph.get(folder) ?? [], seen);
  }
  return seen;
}

/** Without the arrows that others imply. */
function drawing(graph: Graph): string {
  const name = (folder: string) => folder.replaceAll(/[/.]/g, '_');
  const nodes = [...graph.keys()].map((folder) => `  ${name(folder)}["${folder}"]`);
  const arrows = [...graph].flatMap(([from, to]) =>
    [...to]
      .filter((each) => {
        const others = [...to].filter((other) => other !== each);
        return !reachable(graph, others).has(each);
      })
      .map((each) => `  ${name(from)} --> ${name(each)}`),
  );
  return ['```mermaid', 'flowchart TD', ...nodes.reverse(), ...arrows.sort(), '```'].join('\n');
}

/** The whole page. */
export async function architectureDocs(): Promise<string> {
  const graph = await foldersOf();
  const rows = [...graph].map(([folder]) => `| \`${folder}\` | ${FOLDERS[folder]} |`);
  const walk = WALK.map(([title, steps]) => {
    const lines = steps.map(([file, what]) => {
      // What is not there any more ends the script.
      readFileSync(file);
      return `1. \`${file}\`: ${what}`;
    });
    return [`### ${title}`, lines.join('\n')].join('\n\n');
  });
  const files = WALK.reduce((sum, [, steps]) => sum + steps.length, 0);
  return `${[
    '# Architecture',
    'Made from the imports by `npm run docs:architecture`; `npm run docs:check` fails when this page is stale.',
    'An arrow reads "imports". Those that others imply are left out. No arrow points up, and there is no circle: `npm run arrows`\nholds that. The folders from `src/jobs` to `src/worker` are the engine. It knows nothing of instances, providers and webhooks: these come to a\nworker by `use` ([decision 38](decisions/0038-what-a-worker-uses.md)).',
    drawing(graph),
    ['| folder | what it is for |', '|---|---|', ...rows].join('\n'),
    '## The way of a payload',
    `From \`queue.add\` to the webhook that reports its end, through ${files} files. What only helps on the way, such as limits, errors and the\nread API, is left out.`,
    ...walk,
  ].join('\n\n')}\n`;
}

async function main(args: string[]): Promise<void> {
  const page = fileURLToPath(new URL('../docs/architecture.md', import.meta.url));
  await keepPage(page, await architectureDocs(), args, 'npm run docs:architecture');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));

/**
 * Draws every statechart into docs/machines.md, or the page that is given, from its definition. `--check` writes
 * nothing and exits 1 when the page is stale.
 */
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyStateMachine } from 'xstate';
import { type Chart, chartOf } from '../src/inspect/chart.js';
import { chartToMermaid } from '../src/inspect/chart-mermaid.js';
import { BUILT_IN_CHARTS } from '../src/inspect/known-charts.js';
import { keepPage } from './kept-page.js';

/** A sentence on the part that each chart plays. */
const NOTES: Readonly<Record<string, string>> = {
  job: 'Every job is an actor of this chart. The worker provides `run`: the chart or handler of the type.',
  create_instance:
    'Rents exactly one instance: the name is made durable first, and looked up before any create.',
  monitor_instance:
    'One run is one check. Between runs the job hibernates on a broker timer and holds nothing.',
  delete_instance:
    'Follows from a create or monitor job that failed or was cancelled: what it rented must not stay rented.',
  start_instance:
    'The order is written before it is sent, and a read decides. `stop_instance` and `restart_instance` are the same chart.',
  migrate_instance:
    'By the call of the provider, or by a replacement: the old instance is deleted once the other one runs.',
  send_webhook: 'One run is one delivery. The retry schedule of the job makes the next.',
  worker_lifecycle: 'The worker itself.',
};

const INTRO = `# Statecharts

Generated from \`machines/\` by \`npm run docs:machines\`; \`npm run docs:check\` fails when this page is stale.

An arrow reads \`event [guard] / actions\`. Where several arrows share an event, the first whose guard holds is
taken, in the order of the list. \`x done\` and \`x error\` are the end of an invoked actor, \`after x\` a named delay.
`;

/** The whole page. */
export function machineDocs(): string {
  const sections = [...BUILT_IN_CHARTS.values()].map((machine) => {
    const chart = documentedChart(machine);
    const note = NOTES[chart.id] ?? chart.description;
    return [
      `## ${chart.id}`,
      note,
      `\`\`\`mermaid\n${chartToMermaid(chart)}\n\`\`\``,
      stateTable(chart),
    ].join('\n\n');
  });
  return `${[INTRO.trimEnd(), ...sections].join('\n\n')}\n`;
}

/**
 * The chart of a machine that the page can show.
 * @throws Error when something has no name in `setup`: it would stand in the drawing as a mere `guard` or `action`
 */
export function documentedChart(machine: AnyStateMachine): Chart {
  const chart = chartOf(machine);
  const nameless = chart.edges.find(
    ({ guard, actions }) => guard === 'guard' || actions.some((name) => ['action', 'assign'].includes(name)),
  );
  if (nameless) throw new Error(`A guard or action of ${chart.id} has no name: ${JSON.stringify(nameless)}`);
  return chart;
}

function stateTable({ states }: Chart): string {
  const rows = states.map(({ id, description, invokes }) => {
    const src = invokes.map((name) => `\`${name}\``);
    return `| \`${id}\` | ${description} | ${src.join(', ')} |`;
  });
  return ['| state | what it means | invokes |', '|---|---|---|', ...rows].join('\n');
}

async function main(args: string[]): Promise<void> {
  const given = args.find((arg) => !arg.startsWith('--'));
  const page = given ?? fileURLToPath(new URL('../docs/machines.md', import.meta.url));
  await keepPage(page, machineDocs(), args, 'npm run docs:machines');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));

import { type Command, Option } from 'commander';
import {
  builtInCharts,
  type Chart,
  type ChartState,
  chartToMermaid,
  chartToSvg,
  chartToXState,
  findChart,
  type KnownChart,
  listCharts,
} from '../inspect/index.js';
import { JetfleetError } from '../jobs/errors.js';
import { clipTo } from '../jobs/excerpt.js';
import { usageError } from './exit-code.js';
import { statesCommand } from './machine-states.js';
import { type GlobalOptions, openExisting, withExamples } from './options.js';
import { note, paint, plain, print, printJson, table } from './output.js';

export function machineCommand(program: Command): void {
  const machine = program
    .command('machine')
    .description('show the state machines that jobs and workers run, as text, Mermaid, SVG or XState JSON');
  withExamples(machine, 'machine list', 'machine show job', 'machine states');
  listCommand(machine);
  showCommand(machine);
  statesCommand(machine);
}

function listCommand(machine: Command): void {
  const command = machine
    .command('list')
    .description('list the machines that come with Jetfleet and those that live workers run')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      const charts = await knownCharts(options);
      const rows = charts.map(({ id, version, source, description, states, edges }) => {
        return { id, version, source, description, states: states.length, edges: edges.length };
      });
      if (options.json) return printJson({ machines: rows });
      const cells = rows.map(({ id, version, source, states, edges, description }) => {
        return [plain(id), plain(version), source, states, edges, clipTo(plain(description), 60)];
      });
      print(table([['MACHINE', 'VERSION', 'FROM', 'STATES', 'EDGES', 'WHAT IT IS'], ...cells]));
    });
  withExamples(command, 'machine list', 'machine list --json | jq -r ".machines[].id"');
}

/** Without a broker, the package's own. */
async function knownCharts(options: GlobalOptions): Promise<KnownChart[]> {
  await using queue = openExisting(options);
  try {
    return await listCharts(queue);
  } catch (error) {
    if (!JetfleetError.is(error, 'JETFLEET_BROKER_UNREACHABLE')) throw error;
    note(`only the machines of Jetfleet itself: ${error.message}`);
    return builtInCharts();
  }
}

interface ShowOptions extends GlobalOptions {
  mermaid?: boolean;
  svg?: boolean;
  xstate?: boolean;
  theme?: 'light' | 'dark';
}

function showCommand(machine: Command): void {
  const command = machine
    .command('show')
    .description('show one machine; ends with 3 when neither Jetfleet nor a live worker has it')
    .argument('<name>', 'the id of the machine')
    .addOption(new Option('--mermaid', 'as a Mermaid stateDiagram-v2').conflicts(['svg', 'xstate']))
    .addOption(new Option('--svg', 'as a drawing that stands by itself').conflicts(['xstate']))
    .addOption(new Option('--xstate', "as XState's JSON, for Stately's editor"))
    .addOption(
      new Option('--theme <theme>', "of the drawing (default: the viewer's)").choices(['light', 'dark']),
    )
    .action((name: string) => show(name, command.optsWithGlobals<ShowOptions>()));
  withExamples(
    command,
    'machine show job',
    'machine show create_instance --svg > create-instance.svg',
    'machine show job --mermaid',
  );
}

async function show(name: string, options: ShowOptions): Promise<void> {
  const { mermaid, svg, xstate, theme, json } = options;
  if (json && (mermaid || svg))
    throw usageError('--json does not go with --mermaid and --svg, which are no JSON');
  await using queue = openExisting(options);
  const chart = await findChart(queue, name);
  if (mermaid) print(chartToMermaid(chart));
  else if (svg) print(await chartToSvg(chart, theme && { theme }));
  else if (xstate) print(JSON.stringify(chartToXState(chart), null, json ? 0 : 2));
  else if (json) printJson(chart);
  else print(chartText(chart));
}

/** The states, children under their parents, and every way from one to another. */
export function chartText(chart: Chart): string {
  const { id, version, description, states, edges } = chart;
  const title = [paint('bold', plain(id)), version && `version ${plain(version)}`].filter(Boolean).join(' ');
  const rows = states.map((state) => [
    `${'  '.repeat(depthOf(state, states))}${state.isInitial ? '> ' : '  '}${plain(state.key)}`,
    state.kind === 'atomic' ? '' : plain(state.kind),
    state.invokes.map(plain).join(', '),
    plain(state.description),
  ]);
  const ways = edges.map(({ from, to, label, guard, actions }) => [
    plain(from) || '(any state)',
    plain(label) || '(at once)',
    guard === undefined ? '' : `[${plain(guard)}]`,
    plain(to) || '(stays)',
    actions.map(plain).join(', '),
  ]);
  return [
    `${title}${description ? `: ${plain(description)}` : ''}`,
    table([['STATE', 'KIND', 'INVOKES', 'WHAT IT MEANS'], ...rows]),
    table([['FROM', 'EVENT', 'IF', 'TO', 'ACTIONS'], ...ways]),
    paint(
      'dim',
      '> is where it begins. Of several ways for one event, the first whose condition holds is taken.',
    ),
  ].join('\n\n');
}

function depthOf({ parent }: ChartState, states: readonly ChartState[]): number {
  const around = states.find(({ id }) => id === parent);
  return around ? depthOf(around, states) + 1 : 0;
}

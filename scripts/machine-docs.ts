/**
 * Draws every statechart into docs/machines.md, or the page that is given, from its definition. `--check` writes
 * nothing and exits 1 when the page is stale.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { AnyStateMachine, AnyStateNode } from 'xstate';
import * as charts from '../machines/index.js';

/** The charts in the order of the page, each with a sentence on its part. */
const MACHINES: readonly [AnyStateMachine, string][] = [
  [
    charts.jobMachine,
    'Every job is an actor of this chart. The worker provides `run`: the chart or handler of the type.',
  ],
  [
    charts.createInstanceMachine,
    'Rents exactly one instance: the name is made durable first, and looked up before any create.',
  ],
  [
    charts.monitorInstanceMachine,
    'One run is one check. Between runs the job hibernates on a broker timer and holds nothing.',
  ],
  [
    charts.deleteInstanceMachine,
    'Follows from a create or monitor job that failed or was cancelled: what it rented must not stay rented.',
  ],
  [charts.sendWebhookMachine, 'One run is one delivery. The retry schedule of the job makes the next.'],
  [charts.workerLifecycleMachine, 'The worker itself.'],
];

const INTRO = `# Statecharts

Generated from \`machines/\` by \`npm run docs:machines\`; \`npm run docs:check\` fails when this page is stale.

An arrow reads \`event [guard] / actions\`. Where several arrows share an event, the first whose guard holds is
taken, in the order of the list. \`x done\` and \`x error\` are the end of an invoked actor, \`after x\` a named delay.
`;

/** The whole page. */
export function machineDocs(): string {
  const sections = MACHINES.map(([machine, note]) =>
    [`## ${machine.id}`, note, `\`\`\`mermaid\n${toMermaid(machine)}\n\`\`\``, stateTable(machine)].join(
      '\n\n',
    ),
  );
  return `${[INTRO.trimEnd(), ...sections].join('\n\n')}\n`;
}

/** A machine as a Mermaid `stateDiagram-v2`. */
export function toMermaid(machine: AnyStateMachine): string {
  const { root } = machine;
  return ['stateDiagram-v2', ...states(root, '  '), ...descendants(root).flatMap(arrows)].join('\n');
}

/** Every state below `node`, parents before children, in the order of the definition. */
export function descendants(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendants(child)]);
}

function states(parent: AnyStateNode, indent: string): string[] {
  const start = parent.initial.target[0];
  return [
    ...(start ? [`${indent}[*] --> ${mermaidId(start)}`] : []),
    ...Object.values(parent.states).flatMap((node) => {
      const head = `${indent}state "${node.key}" as ${mermaidId(node)}`;
      if (node.type === 'final') return [head, `${indent}${mermaidId(node)} --> [*]`];
      if (node.type === 'compound') return [`${head} {`, ...states(node, `${indent}  `), `${indent}}`];
      return [head, ...actors(node).map((src) => `${indent}${mermaidId(node)} : invokes ${src}`)];
    }),
  ];
}

function arrows(node: AnyStateNode): string[] {
  const transitions = [...(node.always ?? []), ...[...node.transitions.values()].flat()];
  return transitions.flatMap((transition) => {
    const actions = transition.actions.map(nameOf).join(', ');
    const guard = transition.guard ? `[${nameOf(transition.guard)}]` : '';
    const label = [eventLabel(node, transition.eventType), guard, actions && `/ ${actions}`];
    const text = label
      .filter(Boolean)
      .join(' ')
      .replaceAll(/[:;#\n]/g, ' ');
    return (transition.target ?? [node]).map(
      (target) => `  ${mermaidId(node)} --> ${mermaidId(target)}${text && ` : ${text}`}`,
    );
  });
}

/** An event as people say it: XState's own event names carry ids that mean nothing in a drawing. */
function eventLabel(node: AnyStateNode, eventType: string): string {
  const [, kind, ofActor] = /^xstate\.(done|error)\.actor\.(.*)$/.exec(eventType) ?? [];
  if (kind) return `${node.invoke.find(({ id }) => id === ofActor)?.src ?? ofActor} ${kind}`;
  const delayed = node.after.find((transition) => transition.eventType === eventType);
  return delayed ? `after ${delayed.delay}` : eventType;
}

function stateTable({ root }: AnyStateMachine): string {
  const rows = descendants(root).map((node) => {
    const src = actors(node).map((name) => `\`${name}\``);
    return `| \`${node.path.join('.')}\` | ${node.description ?? ''} | ${src.join(', ')} |`;
  });
  return ['| state | what it means | invokes |', '|---|---|---|', ...rows].join('\n');
}

function actors(node: AnyStateNode): string[] {
  return node.invoke.map(({ src }) => String(src));
}

/** Only what is named in `setup` can be drawn; a nameless function is a fault of the chart. */
function nameOf(thing: unknown): string {
  if (typeof thing === 'string') return thing;
  const type = typeof thing === 'object' && thing !== null && 'type' in thing ? thing.type : undefined;
  if (typeof type === 'string') return type;
  throw new Error(`A guard or action of a chart has no name: ${String(thing)}`);
}

function mermaidId(node: AnyStateNode): string {
  return node.path.join('_');
}

async function main(args: string[]): Promise<void> {
  const given = args.find((arg) => !arg.startsWith('--'));
  const page = given ?? fileURLToPath(new URL('../docs/machines.md', import.meta.url));
  const wanted = machineDocs();
  if (!args.includes('--check')) {
    await writeFile(page, wanted);
    return;
  }
  const present = await readFile(page, 'utf8').catch(() => '');
  if (present === wanted) return;
  console.error(`${page} is stale: run \`npm run docs:machines\` and commit the result`);
  process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) await main(process.argv.slice(2));

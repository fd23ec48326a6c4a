import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnyStateMachine, type AnyStateNode, setup } from 'xstate';
import * as charts from '../../../machines/index.js';
import { documentedChart, machineDocs } from '../../../scripts/machine-docs.js';
import { chartOf } from '../../../src/inspect/chart.js';
import { chartToMermaid } from '../../../src/inspect/chart-mermaid.js';
import { type Bundle, bundleScript } from '../../support/bundle.js';

const page = new URL('../../../docs/machines.md', import.meta.url);
const machines: AnyStateMachine[] = [
  charts.jobMachine,
  charts.createInstanceMachine,
  charts.monitorInstanceMachine,
  charts.deleteInstanceMachine,
  charts.sendWebhookMachine,
  charts.workerLifecycleMachine,
];

function descendants(node: AnyStateNode): AnyStateNode[] {
  return Object.values(node.states).flatMap((child) => [child, ...descendants(child)]);
}

describe('docs/machines.md', () => {
  it('is what the charts say now (npm run docs:machines)', async () => {
    expect(await readFile(page, 'utf8')).toBe(machineDocs());
  });

  it.each(machines.map((machine) => [machine.id, machine] as const))('draws all of %s', (id, machine) => {
    const section =
      machineDocs()
        .split('\n## ')
        .find((part) => part.startsWith(`${id}\n`)) ?? '';
    const nodes = descendants(machine.root);
    expect(nodes.length).toBeGreaterThan(3);
    for (const node of nodes) {
      expect(section).toContain(`state "${node.key}" as ${node.path.join('_')}`);
      expect(node.description, node.id).toBeTruthy();
      expect(section).toContain(`| \`${node.path.join('.')}\` | ${node.description} |`);
      for (const { src } of node.invoke) expect(section).toContain(`: invokes ${src}`);
      for (const { delay } of node.after) expect(section).toContain(`: after ${delay}`);
    }
    const named = machine.events.filter((event: string) => !event.startsWith('xstate.'));
    for (const event of named) expect(section).toMatch(new RegExp(` : ${event}\\b`));
    expect(section).not.toContain('xstate.');
  });

  it('answers every end of an invoked actor, errors included', () => {
    for (const node of machines.flatMap((machine) => descendants(machine.root))) {
      for (const { id } of node.invoke) {
        const answers = [...node.transitions.keys()];
        expect(answers).toContain(`xstate.done.actor.${id}`);
        expect(answers).toContain(`xstate.error.actor.${id}`);
      }
    }
  });

  it('holds only lines that Mermaid understands', () => {
    const lines = [
      /^stateDiagram-v2$/,
      /^ +\[\*\] --> \w+$/,
      /^ +\w+ --> \[\*\]$/,
      /^ +state "\w+" as \w+( \{)?$/,
      /^ +\}$/,
      /^ +\w+ : invokes \w+$/,
      /^ {2}\w+ --> \w+( : [\w ,/[\]]+)?$/,
    ];
    for (const line of machines.flatMap((machine) => chartToMermaid(chartOf(machine)).split('\n'))) {
      expect(
        lines.some((form) => form.test(line)),
        line,
      ).toBe(true);
    }
  });

  it('refuses a guard without a name, which would vanish from the drawing', () => {
    const nameless = setup({}).createMachine({
      initial: 'a',
      states: { a: { on: { GO: { guard: () => true } } } },
    });
    expect(() => documentedChart(nameless)).toThrow('has no name');
  });
});

describe('npm run docs:check', () => {
  let script: Bundle;
  let folder = '';
  beforeAll(async () => {
    script = await bundleScript('../scripts/machine-docs.ts');
    folder = await mkdtemp(join(tmpdir(), 'jetfleet-docs-'));
  });
  afterAll(async () => {
    await script[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const runScript = (...args: string[]) =>
    new Promise<{ code: number; stderr: string }>((resolve) => {
      const child = execFile(process.execPath, [script.path, ...args], (_, __, stderr) =>
        resolve({ code: child.exitCode ?? -1, stderr }),
      );
    });

  it('passes for a fresh page, fails for a stale or missing one, and writes nothing', async () => {
    const copy = join(folder, 'machines.md');
    expect(await runScript('--check', copy)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('stale'),
    });
    await runScript(copy);
    expect(await runScript('--check', copy)).toMatchObject({ code: 0 });
    await writeFile(copy, 'old');
    expect(await runScript('--check', copy)).toMatchObject({ code: 1 });
    expect(await readFile(copy, 'utf8')).toBe('old');
  });
});

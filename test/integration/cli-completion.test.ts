/** The completions in the shells that they are for; no shell starts Jetfleet. */
import { execFile, spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bashCompletion } from '../../src/cli/completion/bash.js';
import { commandTable } from '../../src/cli/completion/command-table.js';
import { fishCompletion } from '../../src/cli/completion/fish.js';
import { zshCompletion } from '../../src/cli/completion/zsh.js';
import { buildProgram } from '../../src/cli/main.js';

const run = promisify(execFile);
const table = commandTable(buildProgram());
const isMissing = (shell: string) => spawnSync(shell, ['-c', ':']).error !== undefined;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jetfleet-completion-'));
  await writeFile(join(folder, 'bash'), bashCompletion(table));
  await writeFile(join(folder, 'zsh'), zshCompletion(table));
  await writeFile(join(folder, 'fish'), fishCompletion(table));
  await mkdir(join(folder, 'jobs of May'));
  await writeFile(join(folder, 'jobs.json'), '{}');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The words up to the cursor, and what is offered, or some of it. */
const CASES: readonly (readonly [line: string, offered: readonly string[], isAll?: boolean])[] = [
  ['dead', ['dead-letters'], true],
  ['job a', ['add'], true],
  ['webhook endpoint rot', ['rotate-secret'], true],
  ['job ', ['add', 'get', 'list', 'cleanup']],
  ['job cleanup --st', ['--status'], true],
  ['job cleanup --n', ['--nats-url', '--nkey', '--namespace'], true],
  ['job cleanup --status ', ['completed', 'failed'], true],
  ['job list --status c', ['completed'], true],
  ['job priority order-42 cr', ['critical'], true],
  ['completion f', ['fish'], true],
  // A value that reads like a command is none.
  ['--namespace job li', ['limits'], true],
  ['job add report --data-file jobs', ['jobs.json']],
  ['worker --handlers a.js jobs', ['jobs.json']],
  ['job get --id-that-is-none ', [], true],
  // It starts a broker of its own.
  ['dev --nats', ['--nats-port'], true],
];

function check(shell: string, offers: readonly (readonly string[])[]): void {
  for (const [index, [line, wanted, isAll]] of CASES.entries()) {
    const offered = (offers[index] ?? ['the shell did not answer']).toSorted();
    const expected = isAll ? wanted.toSorted() : expect.arrayContaining([...wanted]);
    expect(offered, `${shell}: jetfleet ${line}`).toEqual(expected);
  }
}

test('bash offers commands, options, values and files', async () => {
  const calls = CASES.map(([line]) => {
    const words = line.split(' ').map((word) => `'${word}'`);
    return `offers ${words.join(' ')}`;
  });
  const script = `
    source ../bash
    offers() { COMP_WORDS=(jetfleet "$@"); COMP_CWORD=$#; _jetfleet; printf '%s\\n' "\${COMPREPLY[@]}" --; }
    cd ..; source bash
    ${calls.join('\n')}
    offers job list --status = f
    offers job add report --data-file 'jobs o'
    complete -p jetfleet`;
  const { stdout } = await run('bash', ['--norc', '-c', script], { cwd: join(folder, 'jobs of May') });
  const parts = stdout.split('--\n').map((part) => part.split('\n').filter(Boolean));
  check('bash', parts);
  expect(parts.slice(CASES.length)).toEqual([
    ['failed'],
    ['jobs of May'],
    ['complete -F _jetfleet jetfleet'],
  ]);
});

test.skipIf(isMissing('fish'))('fish offers the same, with what each is for', async () => {
  const calls = CASES.map(([line]) => `complete -C 'jetfleet ${line}'; echo ==`);
  const script = ['source fish', ...calls, "complete -C 'jetfleet job list --status=f'"].join('\n');
  const env = { ...process.env, HOME: folder };
  const { stdout } = await run('fish', ['--no-config', '-c', script], { cwd: folder, env });
  const parts = stdout.split(/^==\n/m).map((part) => part.split('\n').filter(Boolean));
  check(
    'fish',
    parts.map((part) => part.map((line) => line.split('\t')[0] ?? '')),
  );
  expect(parts[1]).toEqual(['add\tadd a job and print its id']);
  expect(parts.at(-1)).toEqual(['--status=failed']);
});

/** Lines as they are after a press of the tab key, in a terminal of zsh's own. */
const TYPED: readonly (readonly [line: string, completed: string])[] = [
  ['dead', 'dead-letters '],
  ['job can', 'job cancel '],
  ['webhook endpoint rot', 'webhook endpoint rotate-secret '],
  ['job cleanup --st', 'job cleanup --status '],
  ['job list --status com', 'job list --status completed '],
  ['job list --status=com', 'job list --status=completed '],
  ['job priority order-42 cr', 'job priority order-42 critical '],
  ['--namespace job li', '--namespace job limits '],
  ['job add report --data-file jobs.', 'job add report --data-file jobs.json '],
  ['dev --nats', 'dev --nats-port '],
];

test.skipIf(isMissing('zsh'))('zsh completes what is typed', async () => {
  const typed = TYPED.map(([line]) => `zpty -w -n z $'jetfleet ${line}\\t\\x0f'`);
  const script = `
    zmodload zsh/zpty
    zpty z zsh -f -i
    zpty -w z 'autoload -Uz compinit; compinit -u -D; source ./zsh; jetfleet() { }'
    zpty -w z 'keep() { print -r -- "$BUFFER" >> kept; BUFFER=""; }; zle -N keep; bindkey "^O" keep'
    ${typed.join('\n')}
    zpty -w z 'exit'
    while zpty -r z line; do :; done`;
  await run('zsh', ['-f', '-c', script], { cwd: folder, env: { ...process.env, TERM: 'dumb' } });
  const kept = await readFile(join(folder, 'kept'), 'utf8');
  expect(
    kept
      .trimEnd()
      .split('\n')
      .map((line) => line.trim()),
  ).toEqual(TYPED.map(([, completed]) => `jetfleet ${completed}`.trim()));
});

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import packageJson from '../../package.json' with { type: 'json' };
import { buildProgram } from '../../src/cli/main.js';
import { startSimulator } from '../../src/gpu/index.js';
import { cli, instancePayload, killAtTheEnd, startCli } from '../support/cli.js';
import { startNats } from '../support/nats.js';

/** A wrong call must be refused before anybody asks for the broker. */
const env = { NATS_URL: 'nats://127.0.0.1:1' };

interface Shown {
  name: string;
  command: Command;
}

/** A command and all below it, by the words that call it. */
function commandTree(command: Command, words: string[] = []): Shown[] {
  const below = command.commands.flatMap((child) => commandTree(child, [...words, child.name()]));
  return [{ name: words.join(' '), command }, ...below];
}

test.each(commandTree(buildProgram()))(
  '"jetfleet $name" explains itself with an example',
  ({ name, command }) => {
    expect(command.helpInformation()).toContain(`Usage: jetfleet ${name}`.trimEnd());
    expect(examplesOf(command)).not.toEqual([]);
  },
);

/** The lines below "Examples:" in the help of a command. */
function examplesOf(command: Command): string[] {
  let shown = '';
  command.configureOutput({
    writeOut: (text) => {
      shown += text;
    },
  });
  command.outputHelp();
  return [...shown.matchAll(/^ {2}\$ (jetfleet .+)$/gm)].map(([, line = '']) => line);
}

/** What a shell would hand to `jetfleet` for each line, without running anything else of it. */
async function wordsOf(lines: readonly string[]): Promise<string[][]> {
  const cwd = await mkdtemp(join(tmpdir(), 'jetfleet-examples-'));
  try {
    await mkdir(join(cwd, '.config/fish/completions'), { recursive: true });
    await writeFile(join(cwd, 'report.json'), '{}');
    const called = join(cwd, 'called');
    const stubs = `set -e; jetfleet() { printf '%s\\0' "$@" >> ${called}; printf '\\n' >> ${called}; }; jq() { cat; };`;
    await promisify(execFile)('bash', ['-c', `${stubs}\n${lines.join('\n')}`], {
      cwd,
      env: { ...process.env, HOME: cwd },
    });
    const calls = (await readFile(called, 'utf8')).trimEnd().split('\n');
    return calls.map((call) => call.split('\0').slice(0, -1));
  } finally {
    await rm(cwd, { recursive: true });
  }
}

test('each example is a call that the command line can read, of the command that shows it', async () => {
  const examples = commandTree(buildProgram()).flatMap(({ name, command }) =>
    examplesOf(command).map((line) => ({ name, line })),
  );
  const words = await wordsOf(examples.map(({ line }) => line));
  expect(words).toHaveLength(examples.length);
  for (const [index, { name, line }] of examples.entries()) {
    const program = buildProgram();
    const called: string[] = [];
    for (const each of commandTree(program)) each.command.action(() => void called.push(each.name));
    const args = words[index] ?? [];
    await program.parseAsync(args, { from: 'user' }).catch((error: Error) => {
      throw new Error(`${line}: ${error.message}`);
    });
    // The first words that are no options: those of the command.
    const given = args.filter((word) => !word.startsWith('-')).join(' ');
    expect(called, line).toHaveLength(1);
    expect(`${given} `, line).toContain(`${called[0]} `);
    expect(`${called[0]} `, line).toContain(name === '' ? '' : `${name} `);
  }
});

test.concurrent.for(['', 'job add'])('"jetfleet %s --help" ends with 0', async (command, { expect }) => {
  const args = [...command.split(' ').filter(Boolean), '--help'];
  const { code, stdout, stderr } = await cli(args, { alone: true });
  expect(stdout).toContain(`Usage: jetfleet ${command}`);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test('--version prints the version of the package', async () => {
  const shown = { code: 0, stdout: `${packageJson.version}\n`, stderr: '' };
  expect(await cli(['--version'], { alone: true })).toEqual(shown);
});

test.for([
  ['frobnicate'],
  ['job', 'gett', 'x'],
  ['job', 'get'],
  ['stats', '--bogus'],
  ['job', 'add', 'report'],
  ['job', 'add', 'report', '--data', '1', '--priority', 'urgent'],
  ['job', 'add', 'report', '--data', '1', '--delay', 'soon'],
  ['job', 'add', 'report', '--data', '1', '--data-file', 'x.json'],
  ['job', 'add', 'report', '-', '--data-file', 'x.json'],
  ['job', 'add', 'report', '--data-file', '/no/such/file'],
  ['job', 'add', 'Not-A-Type', '--data', '1'],
  ['job', 'add', 'report', '--data', '1', '--id', 'a.b'],
  ['job', 'add', 'report', '--data', '1', '--run-at', 'whenever'],
  ['job', 'get', '*'],
  ['job', 'list', '--limit', '0'],
  ['job', 'watch', '--from', 'yesterday'],
  ['stats', '--creds', '/no/such/file'],
  ['stats', '--namespace', 'Not A Name'],
  ['machine', 'show', 'job', '--svg', '--mermaid'],
  ['inspect', '--port', '80'],
  ['job', 'retry', 'x', '--data', '{"password":"[masked]"}'],
  ['job', 'add', 'report', '--data', '{"password":"[masked]"}'],
  ['job', 'add', 'report', '--data', '1', '--webhook-url', 'https://host/hooks/[masked]'],
  ['job', 'signal', 'x', 'approved', '--data', '["[masked]"]'],
  ['flow', 'add', '--data', '{"jobs":{"a":{"type":"report","payload":{"token":"[masked]"}}}}'],
  ['schedule', 'set', 'nightly', 'report', '--every', '1h', '--data', '{"password":"[masked]"}'],
  ['limits', 'set', 'resize/tenant', '--concurrency', 'many'],
  ['limits', 'set', 'resize/tenant', '--rate', 'many'],
  ['top', '--interval', 'often'],
  ['top', '--interval', '0'],
  ['top', '--interval', '30d'],
  ['server', '--drain-delay', '30d'],
  ['dev', '--shutdown-timeout', '30d'],
  ['dev', '--nats-port', '70000'],
  ['dev', '--nats-url', 'nats://127.0.0.1:4222'],
  ['completion', 'tcsh'],
  // There is no terminal to ask at.
  ['job', 'cleanup'],
  ['dead-letters', 'delete', '--all'],
])('a call that cannot work, %j, ends with 2 and one sentence', async (args) => {
  const { code, stdout, stderr } = await cli(args, { env });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^jetfleet: .+ \(JETFLEET_[A-Z_]+\)$/ms);
  expect(stderr).not.toMatch(/^ {4}at /m);
});

test.for(['--svg', '--mermaid'])(
  '"machine show %s --json" is refused: it would print no JSON',
  async (form) => {
    const { code, stdout, stderr } = await cli(['machine', 'show', 'job', form, '--json'], { env });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'JETFLEET_OPTION_INVALID' } });
  },
);

test('"jetfleet" alone shows the help on stderr and ends with 2', async () => {
  const { code, stdout, stderr } = await cli([], { alone: true });
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toContain('Usage: jetfleet');
});

test('a worker without a usable configuration ends with 2 and says what is missing', async () => {
  const refused = async (extra: Record<string, string>, ...args: string[]) => {
    const { code, stdout, stderr } = await cli(['worker', ...args], { env: { ...env, ...extra } });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    return stderr;
  };
  expect(await refused({})).toContain('NOVITA_API_KEY');
  expect(await refused({ JETFLEET_PROVIDER: 'novita' })).toContain('NOVITA_API_KEY');
  expect(await refused({ JETFLEET_PROVIDER: 'simulator' })).toContain('NOVITA_API_BASE_URL');
  expect(await refused({ JETFLEET_PROVIDER: 'acme' })).toContain(
    'must be novita, runpod, lambda, vast or simulator',
  );
  for (const name of ['runpod', 'lambda', 'vast']) {
    const missing = `${name.toUpperCase()}_API_KEY must be set`;
    expect(await refused({ JETFLEET_PROVIDER: name })).toContain(missing);
  }
  const key = { NOVITA_API_KEY: 'some-key' };
  expect(await refused({ ...key, NOVITA_API_BASE_URL: 'not a url' })).toContain('base URL');
  expect(await refused({ ...key, JETFLEET_WEBHOOK_SECRET: 'secret' })).toContain('whsec_');
  expect(await refused(key, '--concurrency', 'create_instance=many')).toContain('type=n');
  for (const limit of ['-1', '1.5', 'all']) {
    expect(await refused(key, `--max-instances=${limit}`)).toContain('a whole number from 0');
  }
  expect(await refused({ ...key, JETFLEET_MAX_GPUS: 'all' })).toContain('a whole number from 0');
});

test('a worker runs jobs with the provider of the environment, logs JSON, and drains on SIGTERM', async () => {
  await using nats = await startNats();
  const there = { NATS_URL: nats.url };
  await using simulator = await startSimulator();
  const provider = { JETFLEET_PROVIDER: 'simulator', NOVITA_API_BASE_URL: simulator.url };
  const args = [
    'worker',
    '--poll-interval',
    '200ms',
    '--concurrency',
    'create_instance=2',
    '--max-instances',
    '1',
  ];
  // The flag wins over the environment.
  const limits = { JETFLEET_MAX_INSTANCES: '0', JETFLEET_MAX_GPUS: '' };
  const worker = killAtTheEnd(startCli(args, { ...there, ...provider, ...limits }));
  const data = JSON.stringify(instancePayload('w'));
  const added = await cli(
    ['job', 'add', 'create_instance', '--id', 'w', '--data', data, '--wait', '20s', '--json'],
    { env: there },
  );
  expect(JSON.parse(added.stdout)).toMatchObject({ id: 'w', status: 'completed' });
  const beyond = JSON.stringify(instancePayload('x'));
  const refused = await cli(
    ['job', 'add', 'create_instance', '--data', beyond, '--max-attempts', '1', '--wait', '20s', '--json'],
    { env: there },
  );
  expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'JETFLEET_LIMIT_INSTANCES' } });
  worker.child.kill('SIGTERM');
  const { code, stdout, stderr } = await worker.ended;
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  const lines = stderr
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.map(({ msg }) => msg)).toEqual(
    expect.arrayContaining([expect.stringContaining('unsigned'), 'worker started', 'worker stopped']),
  );
});

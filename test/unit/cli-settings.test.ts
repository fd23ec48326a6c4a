import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { ExitCode } from '../../src/cli/exit-code.js';
import { buildProgram } from '../../src/cli/main.js';
import { SETTINGS, type ShownSetting, shownSettings } from '../../src/cli/settings.js';

const readme = readFileSync('README.md', 'utf8');
const variables = SETTINGS.map(({ variable }) => variable).sort();

/** The variables of README. */
function documented(): string[] {
  const rows = readme.matchAll(/^\| ((?:`[A-Z_]+`(?:, )?)+) \|/gm);
  return [...rows].flatMap(([, names = '']) => names.replaceAll('`', '').split(', ')).sort();
}

test('config show knows each variable of README, and README each of config show', () => {
  expect(documented()).toEqual(variables);
});

test('config show knows each variable that the source reads', () => {
  const source = execFileSync(
    'grep',
    ['-rhoE', String.raw`env\.[A-Z][A-Z_]+|\.env\('[A-Z_]+'\)|'(NATS|JETFLEET)_[A-Z_]+'`, 'src'],
    {
      encoding: 'utf8',
    },
  );
  const codes = readFileSync('src/jobs/errors.ts', 'utf8');
  const read = new Set(source.match(/[A-Z][A-Z_]+/g));
  const ofOthers = ['HOME', 'PATH', 'TERM', 'XDG_CACHE_HOME', 'JETFLEET_FAILED'];
  const unknown = [...read].filter((name) => !variables.includes(name) && !ofOthers.includes(name));
  expect(unknown.filter((name) => !codes.includes(`${name}:`))).toEqual([]);
});

test('each flag of a setting is one of the command line', () => {
  const flagsOf = (command: Command): (string | undefined)[] => [
    ...command.options.map(({ long }) => long),
    ...command.commands.flatMap(flagsOf),
  ];
  const known = new Set(flagsOf(buildProgram()));
  expect(SETTINGS.flatMap(({ flag }) => flag ?? []).filter((flag) => !known.has(flag))).toEqual([]);
});

const show = (flags: Record<string, string>, env: NodeJS.ProcessEnv) => {
  const found = shownSettings(new Map(Object.entries(flags)), env);
  return (variable: string): ShownSetting | undefined => found.find((each) => each.variable === variable);
};

test('a flag wins over the environment, and an empty variable is not set', () => {
  const env = { NATS_URL: 'nats://a:4222', JETFLEET_NAMESPACE: '', JETFLEET_SYNC: 'periodic' };
  const setting = show({ '--nats-url': 'tls://b:4222' }, env);
  expect(setting('NATS_URL')).toEqual({
    variable: 'NATS_URL',
    flag: '--nats-url',
    value: 'tls://b:4222',
    source: 'flag',
    hides: ['NATS_URL'],
  });
  expect(setting('JETFLEET_NAMESPACE')).toMatchObject({ value: null, source: 'default' });
  expect(setting('JETFLEET_SYNC')).toMatchObject({ value: 'periodic', source: 'environment' });
  expect(setting('JETFLEET_REPLICAS')).toMatchObject({ value: '1', source: 'default' });
});

test.for([
  {
    name: 'flags win over the URL and the environment',
    flags: { '--token': 't', '--nats-url': 'nats://u:p@a:4222' },
    env: { NATS_USER: 'e', NATS_PASSWORD: 'x' },
    user: { value: null, source: 'default', hides: ['NATS_USER'] },
    password: { value: null, source: 'default', hides: ['NATS_PASSWORD'] },
  },
  {
    name: 'the URL wins over the environment',
    flags: {},
    env: { NATS_URL: 'nats://u:p@a:4222', NATS_USER: 'e', NATS_TOKEN: 't' },
    user: { value: 'u', source: 'url', hides: ['NATS_USER'] },
    password: { value: '[masked]', source: 'url' },
  },
  {
    name: 'a password may be in the environment while its user is a flag',
    flags: { '--user': 'u' },
    env: { NATS_PASSWORD: 'x' },
    user: { value: 'u', source: 'flag' },
    password: { value: '[masked]', source: 'environment' },
  },
])('credentials: $name', ({ flags, env, user, password }) => {
  const setting = show(flags as unknown as Record<string, string>, env);
  expect(setting('NATS_USER')).toMatchObject(user);
  expect(setting('NATS_PASSWORD')).toMatchObject(password);
});

test('no secret is shown', () => {
  const secret = 'hunter2hunter2';
  const env = {
    ...Object.fromEntries(
      SETTINGS.filter(({ kind }) => kind !== undefined).map(({ variable }) => [variable, secret]),
    ),
    NATS_URL: `nats://jobs:${secret}@broker:4222`,
    DATABASE_URL: `postgres://jobs:${secret}@db/jobs?password=${secret}`,
    NATS_MONITOR_URL: `http://jobs:${secret}@broker:8222`,
    JETFLEET_PROVIDER: 'novita',
  };
  const shown = JSON.stringify(shownSettings(new Map(), env));
  expect(shown).not.toContain(secret);
  expect(shown).toContain('broker:4222');
  expect(shown).toContain('"novita"');
  expect(show({}, { NATS_CREDS: 'package.json' })('NATS_CREDS')).toMatchObject({
    value: 'package.json',
    file: 'read',
  });
});

test('the guide and README list every exit code', () => {
  const guide = readFileSync('docs/guides/command-line.md', 'utf8');
  const [, section = ''] = guide.split('## Exit codes');
  const listed = [...section.matchAll(/^\| (\d+) \|/gm)].map(([, code]) => Number(code));
  expect(listed).toEqual(Object.values(ExitCode));
  const [, codes = ''] = /Exit\ncodes: ([\s\S]*?)\./.exec(readme) ?? [];
  expect((codes.match(/\d+/g) ?? []).map(Number)).toEqual(Object.values(ExitCode));
});

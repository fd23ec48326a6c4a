/** What people see at a terminal, which is one of `script`, and what scripts see of the same commands. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { JobQueueService } from '../../src/index.js';
import { bareEnvironment, cli } from '../support/cli.js';
import { startNats } from '../support/nats.js';
import { codeOf, printedByShell, snippetsOf } from '../support/snippets.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** A queue with three jobs that have ended. */
async function endedJobs(namespace: string): Promise<JobQueueService> {
  const queue = new JobQueueService({ servers: nats.url, namespace });
  onTestFinished(() => queue.close());
  for (const id of ['a-job-with-a-long-id', 'b', 'c']) {
    await queue.addJob('generate_monthly_report', {}, 'normal', { id });
    await queue.cancel(id);
  }
  return queue;
}

interface Shown {
  code: number | null;
  text: string;
}

/** Runs a command at a terminal of 80 columns, and types `answer` once it is asked, after `meanwhile`. */
async function atTerminal(
  args: string,
  namespace: string,
  { answer, ...env }: Record<string, string> = {},
  meanwhile = async () => {},
): Promise<Shown> {
  const call = `stty cols 80 rows 20; exec '${process.execPath}' bin/jetfleet.js ${args}`;
  // Node shows no colours where it is told that nobody looks.
  const { CI: _, ...bare } = bareEnvironment({
    NATS_URL: nats.url,
    JETFLEET_NAMESPACE: namespace,
    TERM: 'xterm-256color',
    SHELL: '/bin/bash',
    ...env,
  });
  const child = spawn('script', ['-qefc', call, '/dev/null'], { env: bare });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    if (!text.includes('[y/N]') && `${text}${part}`.includes('[y/N]'))
      void meanwhile().then(() => child.stdin.write(answer ?? ''));
    text += part;
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, text };
}

test('a command that removes jobs asks with their number, and does nothing without a yes', async () => {
  const queue = await endedJobs('asked');
  const cleanup = 'job cleanup --older-than 0';
  const refused = await atTerminal(cleanup, 'asked', { answer: 'n\n' });
  expect(refused.text).toContain('Remove 3 jobs for good? [y/N]');
  expect(refused.text).toContain('JETFLEET_NOT_CONFIRMED');
  expect(refused.code).toBe(1);
  const interrupted = await atTerminal(cleanup, 'asked', { answer: '\u0003' });
  expect(interrupted.code).toBe(130);
  expect((await queue.getJobs()).jobs).toHaveLength(3);
  const confirmed = await atTerminal(cleanup, 'asked', { answer: 'y\n' }, async () => {
    await queue.addJob('generate_monthly_report', {}, 'normal', { id: 'later' });
    await queue.cancel('later');
  });
  expect(confirmed.text).toContain('3 jobs removed');
  expect(confirmed.code).toBe(0);
  // It was not counted.
  expect((await queue.getJobs()).jobs.map(({ id }) => id)).toEqual(['later']);
  expect((await atTerminal(`${cleanup} --yes`, 'asked')).text).toContain('1 jobs removed');
  // There is nothing to ask about.
  expect(await atTerminal(cleanup, 'asked')).toEqual({
    code: 0,
    text: expect.stringContaining('0 jobs removed'),
  });
});

test('a command that asks is refused where its question would not be seen', async () => {
  const queue = await endedJobs('unseen');
  const shown = await atTerminal('dead-letters retry --all 2>/dev/null', 'unseen', { answer: 'y\n' });
  expect(shown).toEqual({ code: 2, text: '' });
  expect((await atTerminal('job cleanup --older-than 0 2>/dev/null', 'unseen')).code).toBe(2);
  expect((await queue.getJobs({ status: 'failed' })).jobs).toHaveLength(3);
  expect((await atTerminal('job cleanup --older-than 0 --yes 2>/dev/null', 'unseen')).code).toBe(0);
});

test('a table fits the terminal, in colours unless NO_COLOR is set; a pipe gets all of it, plain', async () => {
  await endedJobs('listed');
  const coloured = await atTerminal('job list', 'listed');
  const lines = stripVTControlCharacters(coloured.text).trimEnd().split(/\r?\n/);
  expect(lines).toHaveLength(4);
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(80);
  expect(lines.join('\n')).toMatch(/^a-job-with-a-long-id +genera.*… +normal +failed.*…/m);
  expect(coloured.text).toContain('\u001b[31m');
  const plain = await atTerminal('job list', 'listed', { NO_COLOR: '1' });
  expect(plain.text).not.toContain('\u001b');
  const { stdout } = await cli(['job', 'list'], {
    env: { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'listed' },
  });
  expect(stdout).toMatch(
    /^a-job-with-a-long-id +generate_monthly_report +normal +failed·cancelled +0\/3 +2\S+Z$/m,
  );
  for (const character of ['\u001b', '\t']) expect(stdout).not.toContain(character);
});

test('the guide of the command line', async () => {
  const guide = 'docs/guides/command-line.md';
  const [cleanup = '', config = ''] = codeOf(guide, 'sh');
  await endedJobs('guide');
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: 'guide' };
  expect(await printedByShell(cleanup, env)).toEqual(['0 jobs would be removed', '0 jobs removed']);
  // What is set besides, to find the server.
  const bare = bareEnvironment({}) as Record<string, string>;
  const shown = (await printedByShell(config, { ...bare, LOG_LEVEL: '', NATS_SERVER_BIN: '' })).join('\n');
  expect(snippetsOf(guide).map(({ code }) => code)).toContain(`${shown}\n`);
});

/** The guide of the testing kit, and the example, under the test runner of Node, in a process of their own. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { natsServerBinary } from '../support/nats.js';
import { asFile, snippetsOf } from '../support/snippets.js';

const run = promisify(execFile);

async function runTests(file: string): Promise<string> {
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env;
  const args = ['--test', '--test-reporter', 'tap', file];
  const { stdout } = await run(process.execPath, args, {
    env: { ...env, NATS_SERVER_BIN: natsServerBinary() },
  });
  return stdout;
}

test('the tests of the guide pass', async () => {
  const [program = '', ...more] = snippetsOf('docs/guides/testing.md').map(({ code }) => code);
  expect(more).toEqual([]);
  expect(await runTests(await asFile(program))).toMatch(/^# pass 3$[\s\S]*^# fail 0$/m);
});

test('the tests of the example pass, and fail where the handler is wrong', async () => {
  const example = readFileSync('examples/testing-jobs.test.ts', 'utf8');
  const wrong = await asFile(example.replace('page <= pages', 'page < pages'));
  const failed = runTests(wrong).catch((error: unknown) => error);
  expect(await runTests(await asFile(example))).toMatch(/^# pass 4$[\s\S]*^# fail 0$/m);
  expect(await failed).toMatchObject({
    stdout: expect.stringMatching(/AssertionError[\s\S]*expected[\s\S]*^# fail [1-4]$/m),
  });
});

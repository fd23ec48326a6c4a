import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import type { BenchResult } from '../../bench/result.js';
import { type Bundle, bundleScripts } from '../support/bundle.js';

const run = promisify(execFile);
/** Those that end after a number of jobs: what is measured for a time may see nothing on a busy machine. */
const MEASURES = ['add', 'lists', 'waiting'];

let scripts: Bundle;
beforeAll(async () => {
  scripts = await bundleScripts(['../bench/main.ts', '../bench/client.ts']);
});
afterAll(() => scripts[Symbol.asyncDispose]());

/** Runs the bench. To have each of its processes load TypeScript would take most of the time. */
const bench = (args: readonly string[], env = process.env) =>
  run(process.execPath, [join(scripts.path, 'main.mjs'), ...args], { env });

/** Ids of the processes whose environment or command line names a folder. */
function processesWith(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return ['environ', 'cmdline'].some((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'utf8').includes(folder),
      );
    } catch {
      return false;
    }
  });
}

it('explains its flags, and refuses one that it does not know', async () => {
  // As `npm run bench` does.
  const { stdout } = await run(process.execPath, ['--import', 'tsx', 'bench/main.ts', '--help']);
  expect(stdout).toContain('--rounds N');
  await expect(bench(['--round'])).rejects.toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^bench: .*--round.*--rounds N/s),
  });
});

it('measures Jetfleet without any peer, and leaves no process and no file behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'jetfleet-bench-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  // One durability has each of them; the other one measures the same again.
  const only = ['jetfleet', 'fsync', ...MEASURES].flatMap((name) => ['--only', name]);
  const { stdout } = await bench(['--quick', '--json', ...only], { ...process.env, TMPDIR: folder });
  const result = JSON.parse(stdout) as BenchResult;
  expect(result.failures).toEqual([]);
  const measured = new Set(Object.keys(result.figures).map((name) => name.split('.')[2]));
  expect([...measured].sort()).toEqual([...MEASURES].sort());
  expect(result.ratios).toHaveProperty('rateAt1MVsAt1k');
  expect(processesWith(folder)).toEqual([]);
  expect(readdirSync(folder).filter((name) => name.startsWith('jetfleet-'))).toEqual([]);
}, 300_000);

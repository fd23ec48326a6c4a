import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { cli, startCli } from '../support/cli.js';
import { isRunning } from '../support/nats.js';

/** A temporary folder that only the demo of one test sees. */
async function ownFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-demo-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Processes whose command line names the folder, such as a nats-server that was left behind. */
function processesIn(folder: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isRunning(Number(name)))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(folder);
      } catch {
        return false;
      }
    });
}

test('the demo shows every job, checks it, ends with 0 and leaves nothing behind', async () => {
  const folder = await ownFolder();
  const startedAt = performance.now();
  const { code, stdout, stderr } = await cli(['demo'], { env: { TMPDIR: folder }, alone: true });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(performance.now() - startedAt).toBeLessThan(100_000);
  expect(stdout).not.toContain('\x1b');
  expect(stdout).toMatch(/ order-42 +create_instance +processing·running +1\/3 +begins$/m);
  expect(stdout).toMatch(
    / report +usage_report +pending·retrying +2\/3 +the figures are not ready; again at /m,
  );
  expect(stdout).toMatch(/^-- 25\/25 jobs finished$/m);
  expect(stdout).toMatch(/^ {3}JOB +EXPECTED +GOT$/m);
  expect(stdout).toMatch(/^ ✓ instance of stuck +rented 1 ×, deleted, gone +rented 1 ×, deleted, gone$/m);
  expect(stdout).toMatch(/^ ✓ job seq-\d+ +completed +completed$/m);
  expect(stdout).not.toContain('✗');
  expect(readdirSync(folder)).toEqual([]);
  expect(processesIn(folder)).toEqual([]);
});

test('with --json the only data is the verdict, and no setting of the environment gets in the way', async () => {
  const folder = await ownFolder();
  const env = {
    TMPDIR: folder,
    NATS_URL: 'nats://127.0.0.1:1',
    NATS_CREDS: '/no/such/file',
    JETFLEET_NAMESPACE: 'acme',
    JETFLEET_PROVIDER: 'novita',
  };
  const demo = startCli(['demo', '--json'], env);
  const { code, stdout, stderr } = await demo.ended;
  expect(code).toBe(0);
  const { ok, durationMs, rows } = JSON.parse(stdout);
  expect(ok).toBe(true);
  expect(durationMs).toBeGreaterThan(1_000);
  expect(rows.length).toBeGreaterThan(40);
  expect(stderr).toContain('25/25 jobs finished');
});

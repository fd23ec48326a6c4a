import { exec } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { WebSocket } from 'ws';
import { type AnyStateMachine, setup } from 'xstate';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { cli, killAtTheEnd, startCli } from '../support/cli.js';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

/** Nobody listens there: a built-in machine must be shown without asking. */
const NOWHERE = { NATS_URL: 'nats://127.0.0.1:1' };

test('machine show has a built-in machine in four forms, without a broker', async () => {
  const show = (...args: string[]) => cli(['machine', 'show', 'job', ...args], { env: NOWHERE });
  const [text, mermaid, svg, xstate, json] = await Promise.all([
    show(),
    show('--mermaid'),
    show('--svg', '--theme', 'dark'),
    show('--xstate'),
    show('--json'),
  ]);
  expect(text.code).toBe(0);
  expect(text.stdout).toMatch(/^job version 1: A job/);
  expect(text.stdout).toMatch(/^> pending +compound +No worker holds the job\.\n {2}> queued /m);
  expect(text.stdout).toMatch(/^pending +CLAIM +\[attemptsLeft\] +processing\.running +beginAttempt$/m);
  expect(mermaid.stdout).toMatch(/^stateDiagram-v2\n/);
  expect(svg.stdout).toMatch(/^<svg [\s\S]+data-state="pending\.queued"[\s\S]+<\/svg>\n$/);
  expect(JSON.parse(xstate.stdout)).toMatchObject({ id: 'job', initial: 'pending' });
  expect(JSON.parse(json.stdout)).toMatchObject({ id: 'job', source: 'built-in' });
});

test('output that cannot be written is one line of error, without a stack', async () => {
  const command = 'node bin/jetfleet.js machine show job > /dev/full';
  const failed = await promisify(exec)(command).catch((error) => error);
  expect(failed).toMatchObject({ code: 1, stdout: '' });
  expect(failed.stderr).toMatch(/^jetfleet: the output cannot be written: ENOSPC[^\n]*\n$/);
});

test('machine list has the machines of Jetfleet, with or without a broker', async () => {
  const { code, stdout, stderr } = await cli(['machine', 'list'], { env: NOWHERE });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^job +1 +built-in +14 +\d+ +A job/m);
  expect(stderr).toContain('only the machines of Jetfleet itself');
  const asked = await cli(['machine', 'list', '--json'], { env: { NATS_URL: nats.url } });
  expect(JSON.parse(asked.stdout).machines[0]).toMatchObject({ id: 'job', states: 14 });
});

test('machine show asks the live workers for another name, and ends with 3 when none has it', async () => {
  const inner = { a: { on: { GO: 'b' } }, b: { type: 'final' as const, description: 'red \u001b[31m' } };
  const chart = setup({}).createMachine({
    id: 'mine',
    initial: 'a',
    states: inner,
  }) as unknown as AnyStateMachine;
  await using fleet = await startFleet({ nats, handlers: { mine: { chart } } });
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const shown = await cli(['machine', 'show', 'mine'], { env });
  expect(shown).toMatchObject({ code: 0, stderr: '' });
  expect(shown.stdout).toMatch(/^a +GO +b$/m);
  expect(shown.stdout).not.toContain('\u001b');
  await fleet.queue.addJob('nobody_has', {});
  const states = await cli(['machine', 'states', 'job', '--for', '1s'], { env });
  expect(states.stdout).toMatch(/^MACHINE +STATE +COUNT +LEFT +P50 MS +P95 MS\n/);
  expect(states.stdout).toMatch(/^job +pending\.queued +1 +0 +- +-$/m);
  const unknown = await cli(['machine', 'show', 'nope', '--json'], { env });
  expect(unknown.code).toBe(3);
  expect(JSON.parse(unknown.stderr).error.code).toBe('JETFLEET_MACHINE_NOT_FOUND');
});

test('top shows counts, rates and what runs, once or again and again', async () => {
  const { open: finish, opened: finished } = gate();
  await using fleet = await startFleet({ nats, handlers: { demo: () => finished }, worker: { name: 'w1' } });
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  await fleet.queue.addJob('demo', null, 'normal', { id: 'held' });
  await fleet.waitForJob('held', 'running');
  const once = await cli(['top', '--once'], { env });
  expect(once).toMatchObject({ code: 0, stderr: '' });
  expect(once.stdout).toMatch(/^demo +0 +1 +0 +0$/m);
  expect(once.stdout).toMatch(/^w1 +running +1 +10 +demo 1\/10$/m);
  expect(once.stdout).toMatch(/^held +demo +1 +\d+ s +w1$/m);
  expect(once.stdout).not.toContain('\u001b');

  const top = killAtTheEnd(startCli(['top', '--json', '--interval', '100ms'], env));
  await top.until('stdout', /"rates":\{/);
  finish();
  await top.until('stdout', /"completedJobs":1/);
  await top.until('stdout', /"completed":(?!0[,}])[\d.]+,"failed":0,"retried":0/);
  // A job that ends at once was started too.
  await fleet.queue.addJob('demo', null);
  await top.until('stdout', /"completedJobs":2/);
  await top.until('stdout', /"started":(?!0[,}])[\d.]+,"completed":(?!0[,}])[\d.]+,"failed":0,"retried":0/);
  top.child.kill('SIGINT');
  const { code, stdout } = await top.ended;
  expect(code).toBe(0);
  const snapshots = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(snapshots[0]).toMatchObject({ rates: null, workers: [{ name: 'w1', runningCount: 1 }] });
});

test('inspect prints the steps of a job, and serves them to a Stately inspector', async () => {
  await using fleet = await startFleet({
    nats,
    handlers: { demo: { handler: () => 'ok', claim: 'durable' } },
  });
  const env = { NATS_URL: nats.url, JETFLEET_NAMESPACE: fleet.namespace };
  const steps = killAtTheEnd(startCli(['inspect'], env));
  await steps.until('stdout', /worker_lifecycle +stands in running/);
  await fleet.queue.addJob('demo', null, 'normal', { id: 'seen' });
  await steps.until('stdout', /seen +job +CLAIM \[attemptsLeft\] -> processing\.running/);
  await steps.until('stdout', /seen +job +ends: done/);
  // A reader that stops for a while misses steps; what waits for it stays bounded.
  const { connection, subjects } = await fleet.queue.broker();
  const at = new Date().toISOString();
  const step = { v: 1, seq: 1, at, worker: 'w', actor: 'job', kind: 'snapshot', active: ['x'.repeat(3_500)] };
  const publish = (active: string[]) =>
    connection.publish(subjects.notices.inspection('w', 'flood'), JSON.stringify({ ...step, active }));
  steps.child.stdout?.pause();
  for (let n = 0; n < 100; n++) publish(Array.from({ length: 60 }, () => 'x'.repeat(3_500)));
  await connection.flush();
  await fleet.queue.addJob('demo', null, 'normal', { id: 'after' });
  await fleet.waitForJob('after', 'completed');
  steps.child.stdout?.resume();
  await vi.waitFor(
    () => {
      publish(['y']);
      expect(steps.stderr()).toMatch(/^\d+ steps were left out: the reader is too slow$/m);
    },
    { interval: 50 },
  );
  expect(steps.stdout().length).toBeLessThan(15_000_000);
  steps.child.kill('SIGINT');
  expect((await steps.ended).code).toBe(0);

  const stately = killAtTheEnd(startCli(['inspect', '--stately', '--json'], env));
  const { url } = JSON.parse(await stately.until('stdout', /\n/));
  const socket = new WebSocket(url);
  const messages: string[] = [];
  socket.addEventListener('message', ({ data }) => messages.push(JSON.parse(String(data)).type));
  await vi.waitFor(() => expect(messages).toContain('@xstate.snapshot'));
  socket.close();
  stately.child.kill('SIGTERM');
  expect((await stately.ended).code).toBe(0);
});

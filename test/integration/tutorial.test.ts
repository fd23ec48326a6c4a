import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startCli } from '../support/cli.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';
import { codeOf, printedByShell, runFile } from '../support/snippets.js';

const PAGE = 'docs/tutorial.md';

/** What a reader saves in a folder of theirs. It lies inside the package, whose name it imports. */
async function readersFolder(): Promise<string> {
  const folder = await mkdtemp(join('dist', '.tutorial-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [handlers = '', tests = ''] = codeOf(PAGE, 'js');
  await writeFile(join(folder, 'handlers.js'), handlers);
  await writeFile(join(folder, 'transcode.test.js'), tests);
  return folder;
}

test('the commands of the tutorial have the effect that it says', async () => {
  const folder = await readersFolder();
  await using fleet = await startFleet({ workers: 0, namespace: '' });
  const env = { NATS_URL: fleet.url };
  const [work = '', add = '', fail = ''] = codeOf(PAGE, 'sh');
  const args = work.replace('npx jetfleet ', '').replace('./', `${folder}/`).trim().split(' ');
  const worker = startCli(args, env);
  const printed = await printedByShell(add, env);
  expect(printed.join('\n')).toContain('completed');
  expect(await fleet.queue.getJob('first')).toMatchObject({ attempt: 1, result: { frames: 100 } });
  const said = await printedByShell(fail, env);
  expect(await fleet.queue.getJob('shaky')).toMatchObject({
    state: 'completed',
    attempt: 2,
    result: { frames: 50 },
  });
  expect(await fleet.queue.getJob('notes')).toMatchObject({ status: 'failed', attempt: 1 });
  expect(said.join('\n')).toContain('notes.txt is no video');
  await fleet.queue.addJob('transcode', { file: 'a.mp4', seconds: 'many' }, 'normal', { id: 'wrong' });
  expect((await fleet.waitForJob('wrong', 'rejected')).error?.message).toContain('seconds');
  worker.child.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

test('the test of the tutorial passes', async () => {
  const folder = await readersFolder();
  const { lines, ended } = runFile('--test', [join(folder, 'transcode.test.js')]);
  expect(await ended, lines.join('\n')).toBe(0);
  expect(lines).toContain('# pass 1');
});

test('a worker runs the built-in types that it is told to, and refuses files without handlers', async () => {
  const folder = await readersFolder();
  const empty = join(folder, 'empty.js');
  await writeFile(empty, 'export const nothing = 1;\n');
  await using fleet = await startFleet({ workers: 0 });
  const env = { NATS_URL: fleet.url, JETFLEET_NAMESPACE: fleet.namespace };
  const ended = async (...args: string[]) => startCli(['worker', ...args], env).ended;
  const [absent, none, unknown] = await Promise.all([
    ended('--handlers', join(folder, 'absent.js')),
    ended('--handlers', empty),
    ended('--built-in', 'webhooks,gpus'),
  ]);
  expect(absent).toMatchObject({ code: 2, stderr: expect.stringContaining('absent.js cannot be loaded') });
  expect(none).toMatchObject({ code: 2, stderr: expect.stringContaining('must export by default') });
  expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('instances, webhooks') });
  const webhooks = startCli(['worker', '--built-in', 'webhooks'], env);
  const { url } = fleet.receiver;
  const id = await fleet.queue.addJob('send_webhook', { url, payload: {} });
  // A command reaches public addresses only, so that the webhook is refused: by this worker, which runs it.
  expect((await fleet.waitForJob(id, ({ status }) => status === 'failed')).error?.code).toBe(
    'JETFLEET_WEBHOOK_URL_INVALID',
  );
  const create = await fleet.queue.addJob('create_instance', {
    ...{ instanceId: 'i', name: 'i', productName: 'RTX 4090 24GB', templateId: 'template-123' },
    ...{ gpuNum: 1, rootfsSize: 60, region: 'CN-HK-01' },
  });
  expect(await fleet.queue.getJob(create)).toMatchObject({ state: 'queued' });
  webhooks.child.kill('SIGTERM');
  expect((await webhooks.ended).code).toBe(0);
});

test('--wait-for-broker waits for a server that comes later, and a signal ends the waiting', async () => {
  const fleet = await startFleet({ workers: 0 });
  const { port } = new URL(fleet.url);
  const { nats } = fleet;
  await nats.stop();
  const env = { NATS_URL: fleet.url, LOG_LEVEL: 'info' };
  const patient = startCli(
    ['worker', '--built-in', 'webhooks', '--wait-for-broker', '60s', '--health-port', '0'],
    env,
  );
  const stopped = startCli(['worker', '--built-in', 'webhooks', '--wait-for-broker', '60s'], env);
  const short = startCli(['worker', '--built-in', 'webhooks', '--wait-for-broker', '1s'], env);
  await stopped.until('stderr', /no NATS server answers/);
  stopped.child.kill('SIGTERM');
  expect((await stopped.ended).code).toBe(0);
  expect((await short.ended).code).toBe(69);
  await patient.until('stderr', /no NATS server answers/);
  // It lives, and is not ready.
  const [, health = ''] = /"url":"([^"]+)"/.exec(await patient.until('stderr', /serving \/livez/)) ?? [];
  const probe = async (path: string) => (await fetch(`${health}${path}`)).status;
  expect([await probe('/livez'), await probe('/readyz')]).toEqual([200, 503]);
  await using again = await startNats({ port: Number(port) });
  await patient.until('stderr', /worker started/);
  await vi.waitFor(async () => expect(await probe('/readyz')).toBe(200));
  expect(again.url).toBe(fleet.url);
  patient.child.kill('SIGTERM');
  expect((await patient.ended).code).toBe(0);
  await fleet.close();
});

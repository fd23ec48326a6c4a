import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { DeleteConsumerOptions } from '../../src/index.js';
import { cli } from '../support/cli.js';
import { startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

async function fleetWithConsumer() {
  const fleet = await startFleet({ nats, workers: 0 });
  const { queue, namespace } = fleet;
  const subscription = await queue.events({ durable: 'billing', from: 'all' }, () => {});
  const names = async () => (await queue.eventConsumers()).map(({ name }) => name);
  const listening = async () => (await queue.eventConsumers())[0]?.waiting ?? 0;
  await vi.waitFor(async () => expect(await listening()).toBe(1));
  const run = (...args: string[]) =>
    cli(['events', ...args, '--namespace', namespace], { env: { NATS_URL: nats.url } });
  return { fleet, queue, subscription, names, listening, run };
}

test('a durable consumer that nobody listens to is deleted, and begins anew under its name', async () => {
  const { fleet, queue, subscription, names, listening } = await fleetWithConsumer();
  await using _ = fleet;
  await expect(queue.deleteEventConsumer('billing')).rejects.toMatchObject({
    code: 'JETFLEET_CONFLICT',
    message: expect.stringMatching(/billing.*force/),
  });
  await subscription.close();
  await vi.waitFor(async () => expect(await listening()).toBe(0));
  await queue.deleteEventConsumer('billing');
  expect(await names()).toEqual([]);
  await using _again = await queue.events({ durable: 'billing', filter: { type: 'demo' } }, () => {});
  expect(await names()).toEqual(['billing']);
});

test('with force it is deleted under its listener, who hears of it', async () => {
  const { fleet, queue, subscription, names } = await fleetWithConsumer();
  await using _ = fleet;
  await queue.deleteEventConsumer('billing', { force: true });
  await expect(subscription.closed).rejects.toMatchObject({ code: 'JETFLEET_NO_STREAM' });
  expect(await names()).toEqual([]);
});

test.each([
  ['a name that is none', 'a.b', {}, 'JETFLEET_OPTION_INVALID'],
  ['a name that reaches further', '*', {}, 'JETFLEET_OPTION_INVALID'],
  ['a name that nobody has', 'nobody', {}, 'JETFLEET_NOT_FOUND'],
  ['an option that is none', 'billing', { forced: true }, 'JETFLEET_OPTION_INVALID'],
])('%s is refused', async (_, name, options, code) => {
  const { fleet, queue, subscription, names } = await fleetWithConsumer();
  await using _fleet = fleet;
  await expect(queue.deleteEventConsumer(name, options as DeleteConsumerOptions)).rejects.toMatchObject({
    code,
  });
  expect(await names()).toEqual(['billing']);
  await subscription.close();
});

test('the command line lists and deletes', async () => {
  const { fleet, subscription, run } = await fleetWithConsumer();
  await using _ = fleet;
  for (const words of [[], ['list']])
    expect((await run(...words)).stdout).toMatch(/CONSUMER.*\n.*billing .* yes/);
  expect(await run('delete', 'billing')).toMatchObject({ code: 4, stderr: expect.stringContaining('force') });
  expect(await run('delete', 'nobody')).toMatchObject({ code: 3 });
  expect(await run('delete', 'billing', '--force')).toMatchObject({ code: 0, stdout: 'billing  deleted\n' });
  await subscription.closed.catch(() => {});
  expect(JSON.parse((await run('list', '--json')).stdout)).toEqual({ consumers: [] });
});

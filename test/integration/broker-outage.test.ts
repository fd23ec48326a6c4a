import { describe, expect, it, vi } from 'vitest';
import { startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

describe('a broker that is killed', () => {
  it('and comes back loses no job: those that run go on, those that wait follow, nothing is done twice', async () => {
    await using nats = await startNats();
    const runs = new Map<string, number>();
    const { open: finish, opened: held } = gate();
    await using fleet = await startFleet({
      nats,
      handlers: {
        demo: {
          concurrency: 5,
          handler: async ({ id }) => {
            runs.set(id, (runs.get(id) ?? 0) + 1);
            await held;
          },
        },
      },
    });
    const ids = await fleet.queue.addJobs(Array.from({ length: 20 }, () => ({ type: 'demo', payload: {} })));
    await vi.waitFor(() => expect(runs.size).toBe(5));

    nats.kill('SIGKILL');
    await nats.exited;
    finish();
    await nats.restart();
    await vi.waitFor(async () => expect(await fleet.queue.getStats()).toMatchObject({ completedJobs: 20 }), {
      interval: 200,
    });
    expect([...runs.keys()].sort()).toEqual([...ids].sort());
    expect([...runs.values()].every((count) => count === 1)).toBe(true);
    for (const id of ids) expect(await fleet.history(id)).toHaveLength(2);
  });

  it.each([
    ['is dead', 'SIGKILL', true],
    ['is dead', 'SIGKILL', false],
    ['stands still', 'SIGSTOP', true],
    ['stands still', 'SIGSTOP', false],
  ] as const)(
    'and %s (%s, with a job that runs: %s) holds up neither a shutdown nor a close',
    async (_, signal, runs) => {
      await using nats = await startNats();
      const fleet = await startFleet({ nats, handlers: { demo: () => new Promise(() => {}) } });
      const [worker] = fleet.workers;
      const id = runs ? await fleet.queue.addJob('demo', {}) : '';
      if (runs) await vi.waitFor(() => expect(worker?.running).toEqual([id]));
      nats.kill(signal);
      if (signal === 'SIGKILL') await nats.exited;
      const startedAt = performance.now();
      const result = await worker?.shutdown(100);
      // 1,100 by the promise; the rest is for a machine that is busy.
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      expect(result?.released).toBe(runs ? 1 : 0);
      expect(result?.abandoned?.map((handler) => handler.id) ?? []).toEqual(runs ? [id] : []);
      await fleet.queue.close();
      // Another 5,000 by the promise.
      expect(performance.now() - startedAt).toBeLessThan(10_000);
      nats.kill('SIGKILL');
      await fleet.close();
    },
  );

  it('does not hold up a stop', async () => {
    await using nats = await startNats();
    const fleet = await startFleet({ nats, handlers: { demo: () => 'ok' } });
    nats.kill('SIGSTOP');
    const startedAt = performance.now();
    await fleet.workers[0]?.stop();
    expect(performance.now() - startedAt).toBeLessThan(4_500);
    nats.kill('SIGKILL');
    await fleet.close();
  });

  it('refuses what is added meanwhile with a coded error, and takes it again afterwards', async () => {
    await using nats = await startNats();
    await using fleet = await startFleet({
      nats,
      handlers: { demo: () => 'ok' },
      queue: { commit: { confirmTimeoutMs: 200, giveUpMs: 600 } },
    });
    nats.kill('SIGKILL');
    await nats.exited;
    const add = () => fleet.queue.addJob('demo', {}, 'normal', { id: 'patient' });
    // An id of the caller is looked up first: then nothing is written.
    const refused = [
      expect(fleet.queue.addJob('demo', {})).rejects.toMatchObject({
        code: 'JETFLEET_PUBLISH_TIMEOUT',
        retryable: true,
      }),
      expect(add()).rejects.toMatchObject({ code: 'JETFLEET_READ_TIMEOUT', retryable: true }),
    ];
    await Promise.all(refused);
    const { connection } = await fleet.queue.broker();
    const reconnected = (async () => {
      for await (const status of connection.status()) if (status.type === 'reconnect') return;
    })();
    await nats.restart();
    await reconnected;
    await add();
    expect(await fleet.waitForJob('patient', 'completed')).toMatchObject({ attempt: 1 });
    expect(await fleet.history('patient')).toHaveLength(2);
  });
});

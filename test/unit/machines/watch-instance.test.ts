import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import {
  type RunInput,
  type WatchCheckpoint,
  type WatchedInstance,
  watchInstanceChart,
} from '../../../machines/index.js';
import type { PortAnswer, WatchInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const SETTINGS = { pollIntervalMs: 10_000, verifyIntervalMs: 2_000, settleMs: 10_000 };
const well: WatchedInstance = { status: 'running', healthy: true, endpoints: [] };
const is = (status: string, more: object = {}): WatchedInstance => ({
  status,
  healthy: false,
  endpoints: [],
  ...more,
});
const port = (isHealthy: boolean): PortAnswer => ({ port: 80, protocol: 'http', isHealthy, durationMs: 1 });

interface World {
  read: (ms: number) => WatchedInstance;
  probe?: (ms: number) => PortAnswer[];
  price?: (ms: number) => number | null;
}

/** Runs after runs until the job ends, or `untilMs`; with the pauses between them. */
async function watch(payload: Partial<WatchInstancePayload>, world: World, untilMs = 100 * 60_000) {
  let checkpoint: WatchCheckpoint | undefined;
  const pauses: number[] = [];
  let now = 0;
  while (now < untilMs) {
    const ms = now;
    const machine = watchInstanceChart(SETTINGS).provide({
      actors: {
        readInstance: fromPromise(async () => world.read(ms)),
        probePorts: fromPromise(async () => world.probe?.(ms) ?? []),
        readPrice: fromPromise(async () => ({ pricePerHour: world.price?.(ms) ?? null })),
      },
    });
    const input: RunInput<WatchInstancePayload> = {
      ...{ jobId: 'w', type: 'watch_instance', attempt: 1, maxAttempts: 3 },
      payload: { instanceId: 'i', novitaInstanceId: 'p-1', createJobId: 'order', ...payload },
      now: new Date(START + ms).toISOString(),
      ...(checkpoint && { checkpoint }),
    };
    const outcome = await toPromise(createActor(machine, { input }).start());
    if (outcome.kind !== 'snoozed') return { outcome, pauses, ms };
    checkpoint = outcome.checkpoint as WatchCheckpoint;
    pauses.push(outcome.delayMs);
    now += outcome.delayMs;
  }
  return { outcome: undefined, pauses, ms: now, checkpoint };
}

const ids = { instanceId: 'i', novitaInstanceId: 'p-1', createJobId: 'order' };

describe('what a watch proves of the bill', () => {
  const readAt = (ms: number) => new Date(START + ms).toISOString();

  it('is not proven by two reads that one list has answered', async () => {
    const listed = async (listedAtMs: (ms: number) => number) => {
      const read = (ms: number) => ({ ...well, readAt: readAt(listedAtMs(ms)) }) as WatchedInstance;
      return (await watch({}, { read }, 60_000)).checkpoint;
    };
    // What a clock that was set meanwhile makes of the time of the same list.
    const once = await listed((ms) => -5_000 + ms / 100);
    expect(once).toMatchObject({ billedAs: { state: 'running', reads: 1, since: readAt(-5_000) } });
    expect(once).not.toHaveProperty('proven');
    expect(await listed((ms) => (ms < 20_000 ? 0 : 15_000))).toMatchObject({
      proven: { is: 'running', since: readAt(0) },
    });
  });

  it('is proven by two reads of its own', async () => {
    const { checkpoint } = await watch({}, { read: () => well }, 15_000);
    expect(checkpoint).toMatchObject({ proven: { is: 'running', since: readAt(0) } });
  });
});

describe('the pauses of a watch', () => {
  it('double while all is well, up to the longest', async () => {
    const { pauses } = await watch({ maxIntervalMs: 100_000 }, { read: () => well }, 400_000);
    expect(pauses.slice(0, 6)).toEqual([10_000, 20_000, 40_000, 80_000, 100_000, 100_000]);
  });

  it('are short while something changes, and again after that', async () => {
    const read = (ms: number) => (ms === 70_000 ? is('migrating') : well);
    const { pauses } = await watch({}, { read }, 200_000);
    expect(pauses.slice(0, 6)).toEqual([10_000, 20_000, 40_000, 10_000, 10_000, 20_000]);
  });

  it('are what a provider asks for that cannot be read, and at most the longest', async () => {
    const read = () => {
      throw new JetfleetError('JETFLEET_PROVIDER_RATE_LIMITED', 'slow', {
        retryable: true,
        retryAfterMs: 900_000,
      });
    };
    const { pauses } = await watch({ maxIntervalMs: 60_000 }, { read }, 100_000);
    expect(pauses).toEqual([60_000, 60_000]);
  });
});

describe('an event', () => {
  it.each([
    ['spotInterrupted', is('running', { isInterrupted: true, reason: 'reclaim at noon' })],
    ['spotInterrupted', is('preempted')],
    ['stopped', is('stopped')],
    ['failed', is('failed')],
  ] as const)('%s is reported once a second read has confirmed it', async (event, seen) => {
    const { outcome, ms } = await watch({}, { read: (at) => (at < 30_000 ? well : seen) });
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { event, policy: 'notify', status: seen?.status },
    });
    expect(ms).toBe(32_000);
    expect(outcome).toMatchObject({
      next: [{ type: 'watch_instance', idSuffix: 'next', payload: { ...ids, reported: [event] } }],
    });
  });

  it('that one odd read has shown is none', async () => {
    const { outcome } = await watch({}, { read: (at) => (at === 30_000 ? is('failed') : well) });
    expect(outcome).toBeUndefined();
  });

  it('deleted is reported when the absence is proven, and nothing is left to be watched', async () => {
    const { outcome, ms } = await watch({}, { read: (at) => (at < 30_000 ? well : null) });
    expect(outcome).toMatchObject({ result: { event: 'deleted', status: 'terminated' }, next: [] });
    expect(ms).toBeGreaterThanOrEqual(40_000);
  });

  it('that was reported is not reported again until all was well', async () => {
    const read = (at: number) => (at > 100_000 && at < 300_000 ? well : is('stopped'));
    const { outcome, ms } = await watch({ reported: ['stopped'] }, { read });
    expect(outcome).toMatchObject({ result: { event: 'stopped' } });
    expect(ms).toBeGreaterThan(300_000);
  });

  it.each([
    ['ignore', undefined],
    ['migrate', { type: 'migrate_instance', payload: { ...ids, watch: { reported: ['stopped'] } } }],
    ['replace', { type: 'migrate_instance', payload: { ...ids, by: 'replacement' } }],
    ['delete', { type: 'delete_instance', payload: { instanceId: 'i', novitaInstanceId: 'p-1' } }],
  ] as const)('with the policy %s is followed by that', async (policy, next) => {
    const { outcome } = await watch({ on: { stopped: policy } }, { read: () => is('stopped') });
    if (next) expect(outcome).toMatchObject({ result: { event: 'stopped', policy }, next: [next] });
    else expect(outcome).toBeUndefined();
  });
});

describe('ports', () => {
  it('that fail so often in a row are an event, and one that answers in between starts the count again', async () => {
    const probe = (at: number) => [port(at < 60_000 || at === 80_000)];
    const { outcome } = await watch({ health: { failures: 3 } }, { read: () => well, probe });
    expect(outcome).toMatchObject({ result: { event: 'unhealthy', status: 'running' } });
    const one = await watch({ health: {} }, { read: () => well, probe: (at) => [port(at !== 30_000)] });
    expect(one.outcome).toBeUndefined();
  });

  it('that must answer and are not shown fail too', async () => {
    const { outcome } = await watch({ health: { ports: [8080], failures: 1 } }, { read: () => well });
    expect(outcome).toMatchObject({ result: { event: 'unhealthy' } });
  });
});

describe('the price', () => {
  it('is an event when it changes, and the next watch knows the new one', async () => {
    const price = (at: number) => (at < 1_000_000 ? 18_000 : 20_000);
    const { outcome } = await watch({ priceIntervalMs: 60_000 }, { read: () => well, price });
    expect(outcome).toMatchObject({
      result: { event: 'priceChanged', pricePerHour: 20_000, previousPricePerHour: 18_000 },
      next: [{ type: 'watch_instance', payload: { pricePerHour: 20_000, reported: [] } }],
    });
  });

  it.each([
    ['cannot be read', {}, () => null],
    ['is not to be read', { priceIntervalMs: 0 }, (at: number) => at],
    ['is ignored', { on: { priceChanged: 'ignore' } as const }, (at: number) => at + 1],
  ])('that %s is none', async (_, payload, price) => {
    const { outcome } = await watch(payload, { read: () => well, price });
    expect(outcome).toBeUndefined();
  });
});

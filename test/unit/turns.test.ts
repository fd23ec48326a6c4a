import { expect, it, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { UserCode } from '../../src/telemetry/user-code.js';
import type { EndpointStore } from '../../src/webhooks/endpoints/endpoint-store.js';
import { FanOut } from '../../src/webhooks/endpoints/fan-out.js';
import { Turns } from '../../src/webhooks/endpoints/turns.js';
import { Subjects } from '../../src/wire/subjects.js';

const DAY_MS = 86_400_000;
/** A turn as it is stored, `ageMs` ago. */
const stored = (jobId: string, sequence: number, ageMs = 0, event?: number) => ({
  data: new TextEncoder().encode(JSON.stringify({ v: 1, endpoint: 'e', key: 'i', jobId, sequence, event })),
  timeMs: Date.now() - ageMs,
  seq: sequence,
});
type Stored = ReturnType<typeof stored>;

/** A broker whose replicas answer with these reads, one after the other, and which has no jobs. */
function brokerOf(reads: Stored[][], options: { isCluster?: boolean; passedUpTo?: () => number } = {}) {
  const { isCluster = false, passedUpTo = () => 0 } = options;
  const purge = vi.fn(async (_: string, subject: string) => {
    for (const read of reads)
      read.splice(0, read.length, ...read.filter(({ data }) => !subject.endsWith(`.${jobOf(data)}`)));
  });
  const walk = () => (reads.length > 1 ? reads.shift() : reads[0]) ?? [];
  const read = { walk, last: async () => reads.flat()[0] };
  const find = (_: unknown, look: (r: typeof read, stream: string) => unknown) => look(read, 'S');
  const broker = {
    subjects: new Subjects(),
    clock: { now: Date.now },
    connection: { info: isCluster ? { cluster: 'c' } : {} },
    extra: { of: () => ({ find, read }) },
    // It has no job of any id.
    read: { lastTogether: async () => undefined, eachTogether: async () => [], last: async () => undefined },
    // The leader has got all.
    topology: {
      purge,
      lastMessage: async (kind: string) => (kind === 'endpoints' ? { seq: 2 } : undefined),
      consumer: async () => ({ ack_floor: { stream_seq: passedUpTo() } }),
    },
    lastEvent: async () => undefined,
    recordOf: () => undefined,
  };
  return { broker: broker as unknown as Broker, purge };
}

const jobOf = (data: Uint8Array) => JSON.parse(new TextDecoder().decode(data)).jobId;
const self = { endpoint: 'e', key: 'i', jobId: 'second' };

it('waits for a replica that has not got its own turn yet, nor those before it', async () => {
  const { broker } = brokerOf([[], [stored('second', 2), stored('first', 1)]], { isCluster: true });
  expect(await new Turns(broker).placeOf(self)).toBe('behind');
});

it('many that wait for the same events ask once', async () => {
  let asked = 0;
  const own = stored('second', 2, 0, 9);
  const { broker } = brokerOf([[own]], { passedUpTo: () => (++asked > 1 ? 9 : 8) });
  const turns = new Turns(broker);
  await Promise.all(Array.from({ length: 50 }, () => turns.placeOf(self)));
  expect(asked).toBe(2);
});

it('of two that have ended in the same ms, that which was stored first is the first', async () => {
  const first = { ...stored('first', 2, 0, 7), seq: 3 };
  const { broker } = brokerOf([[stored('second', 2, 0, 9), first]], { passedUpTo: () => 9 });
  expect(await new Turns(broker).placeOf(self)).toBe('behind');
});

it('waits until the events before its own have been passed on, and reads then who is before it', async () => {
  const floors = [8, 8, 9];
  const own = stored('second', 2, 0, 9);
  const { broker } = brokerOf([[own], [stored('first', 1), own]], { passedUpTo: () => floors.shift() ?? 9 });
  expect(await new Turns(broker).placeOf(self)).toBe('behind');
  expect(floors).toEqual([]);
});

it('is early where the events before its own are not passed on for a while', async () => {
  const { broker } = brokerOf([[stored('second', 2, 0, 9)]], { passedUpTo: () => 8 });
  expect(await new Turns(broker).placeOf(self)).toBe('early');
});

it('takes the turn away of a job that never came, after some minutes', async () => {
  const fresh = brokerOf([[stored('orphan', 1), stored('second', 2)]]);
  expect(await new Turns(fresh.broker).placeOf(self)).toBe('behind');
  expect(fresh.purge).not.toHaveBeenCalled();
  const old = brokerOf([[stored('orphan', 1, DAY_MS), stored('second', 2)]]);
  expect(await new Turns(old.broker).placeOf(self)).toBe('first');
  expect(old.purge).toHaveBeenCalledOnce();
});

it('a fan-out that is closed while it starts takes nothing', async () => {
  const close = vi.fn(async () => {});
  let hasStarted = (_: object) => {};
  const started = new Promise<object>((resolve) => {
    hasStarted = resolve;
  });
  const store = {
    isUsed: async () => true,
    broker: { events: () => started, subjects: new Subjects(), topology: { ensureConsumer: async () => {} } },
  };
  const fanOut = new FanOut(store as unknown as EndpointStore, {} as Turns, {} as UserCode, silentLogger);
  const starting = fanOut.start();
  await fanOut.close(0);
  hasStarted({ closed: new Promise(() => {}), close });
  await starting;
  expect(close).toHaveBeenCalledOnce();
});

it('an endpoint that was added just before hears what has become of another one, and no later one', async () => {
  const later = { id: 'later', createdAt: new Date(5_000).toISOString(), events: ['endpoint.*'] };
  const recentAll = vi.fn(async () => [later]);
  const store = { recentAll, broker: { clock: { now: () => 5_000 } } };
  const fanOut = new FanOut(store as unknown as EndpointStore, {} as Turns, {} as UserCode, silentLogger);
  await fanOut.tell('e', { event: 'endpoint.disabled', atMs: 4_000 });
  expect(recentAll).toHaveBeenCalledWith(5_000);
});

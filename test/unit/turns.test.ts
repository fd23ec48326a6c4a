import { expect, it, vi } from 'vitest';
import { HEALTHY } from '../../machines/index.js';
import type { Broker } from '../../src/broker/broker.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { UserCode } from '../../src/telemetry/user-code.js';
import type { EndpointStore } from '../../src/webhooks/endpoints/endpoint-store.js';
import { FanOut } from '../../src/webhooks/endpoints/fan-out.js';
import { Turns } from '../../src/webhooks/endpoints/turns.js';
import { Subjects } from '../../src/wire/subjects.js';

const DAY_MS = 86_400_000;
/** A turn as it is stored, `ageMs` ago. */
const stored = (jobId: string, sequence: number, ageMs = 0) => ({
  data: new TextEncoder().encode(JSON.stringify({ v: 1, endpoint: 'e', key: 'i', jobId, sequence })),
  timeMs: Date.now() - ageMs,
});
type Stored = ReturnType<typeof stored>;

/** A broker whose replicas answer with these reads, one after the other, and which has no jobs. */
function brokerOf(reads: Stored[][], isCluster = false) {
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
    topology: { purge, lastMessage: async () => undefined },
    lastEvent: async () => undefined,
    recordOf: () => undefined,
  };
  return { broker: broker as unknown as Broker, purge };
}

const jobOf = (data: Uint8Array) => JSON.parse(new TextDecoder().decode(data)).jobId;
const self = { endpoint: 'e', key: 'i', jobId: 'second' };

it('waits for a replica that has not got its own turn yet, nor those before it', async () => {
  const { broker } = brokerOf([[], [stored('second', 2), stored('first', 1)]], true);
  expect(await new Turns(broker).isFirst(self)).toBe(false);
});

it('takes the turn away of a job that never came, after some minutes', async () => {
  const fresh = brokerOf([[stored('orphan', 1), stored('second', 2)]]);
  expect(await new Turns(fresh.broker).isFirst(self)).toBe(false);
  expect(fresh.purge).not.toHaveBeenCalled();
  const old = brokerOf([[stored('orphan', 1, DAY_MS), stored('second', 2)]]);
  expect(await new Turns(old.broker).isFirst(self)).toBe(true);
  expect(old.purge).toHaveBeenCalledOnce();
});

it('a fan-out that is closed while it starts takes nothing', async () => {
  const close = vi.fn(async () => {});
  let hasStarted = (_: object) => {};
  const started = new Promise<object>((resolve) => {
    hasStarted = resolve;
  });
  const store = { isUsed: async () => true, broker: { events: () => started } };
  const fanOut = new FanOut(store as unknown as EndpointStore, {} as Turns, {} as UserCode, silentLogger);
  const starting = fanOut.start();
  await fanOut.close(0);
  hasStarted({ closed: new Promise(() => {}), close });
  await starting;
  expect(close).toHaveBeenCalledOnce();
});

it('an endpoint that was added just before hears what has become of another one', async () => {
  const recentAll = vi.fn(async () => []);
  const store = { recentAll, broker: { clock: { now: () => 5_000 } } };
  const fanOut = new FanOut(store as unknown as EndpointStore, {} as Turns, {} as UserCode, silentLogger);
  await fanOut.tell('endpoint.disabled', 'e', HEALTHY);
  expect(recentAll).toHaveBeenCalledWith(5_000);
});

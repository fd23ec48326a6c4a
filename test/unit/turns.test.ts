import { describe, expect, it, vi } from 'vitest';
import type { Broker } from '../../src/broker/broker.js';
import type { EventHandler } from '../../src/broker/consume/event-consumer.js';
import type { JobRecord } from '../../src/jobs/job-record.js';
import { silentLogger } from '../../src/telemetry/logger.js';
import type { UserCode } from '../../src/telemetry/user-code.js';
import type { EndpointStore } from '../../src/webhooks/endpoints/endpoint-store.js';
import { FanOut } from '../../src/webhooks/endpoints/fan-out.js';
import { Turns } from '../../src/webhooks/endpoints/turns.js';
import { Subjects } from '../../src/wire/subjects.js';

const DAY_MS = 86_400_000;
/** A turn as it is stored, `ageMs` ago. */
const stored = (jobId: string, sequence: number, ageMs = 0, event?: number, key = 'i') => ({
  data: new TextEncoder().encode(JSON.stringify({ v: 1, endpoint: 'e', key, jobId, sequence, event })),
  timeMs: Date.now() - ageMs,
  seq: sequence,
});
type Stored = ReturnType<typeof stored>;

/** The end of a job about an instance, as an event. */
const ended = (seq: number, id: string, instanceId: string) => {
  const at = new Date().toISOString();
  const payload = { instanceId };
  const record = { id, type: 'stop_instance', priority: 'normal', status: 'completed', payload };
  const subject = `events.stop_instance.completed.${id}`;
  return { seq, subject, record: { ...record, createdAt: at, updatedAt: at, finishedAt: at } };
};
interface Answers {
  isCluster?: boolean;
  passedUpTo?: () => number;
  /** When the consumer was created that passes events on. */
  created?: () => string;
  /** What EVENTS has. */
  events?: ReturnType<typeof ended>[];
}

/** Turns on a broker whose replicas answer with these reads, one after the other, and which has no jobs. */
function turnsOf(reads: Stored[][], options: Answers = {}) {
  const { isCluster = false, passedUpTo = () => 0, created = () => 'then', events = [] } = options;
  const purge = vi.fn(async (_: string, subject: string) => {
    for (const read of reads)
      read.splice(0, read.length, ...read.filter(({ data }) => !subject.endsWith(`.${jobOf(data)}`)));
  });
  const walk = (_: string, filter: string) => {
    const found = (reads.length > 1 ? reads.shift() : reads[0]) ?? [];
    return found.filter(({ data }) => filter.includes(`.${decoded(data).key}.`));
  };
  const read = { walk, last: async () => reads.flat()[0] };
  const find = (_: unknown, look: (r: typeof read, stream: string) => unknown) => look(read, 'S');
  const append = vi.fn(async ({ data }: { data: string; headers: unknown }) => {
    for (const each of reads) each.push({ data: new TextEncoder().encode(data), timeMs: Date.now(), seq: 0 });
  });
  const askedFrom = vi.fn((_: number) => {});
  const batches = async function* (_: string, __: string, from: number, ___: number, upTo: number) {
    askedFrom(from);
    const found = events.filter(({ seq }) => seq >= from && seq <= upTo);
    if (found.length > 0) yield found;
  };
  const broker = {
    subjects: new Subjects(),
    clock: { now: Date.now },
    connection: { info: isCluster ? { cluster: 'c' } : {} },
    extra: { of: () => ({ find, read, open: async () => {}, log: { append } }) },
    // It has no job of any id.
    read: {
      lastTogether: async () => undefined,
      eachTogether: async () => [],
      last: async () => undefined,
      batches,
    },
    // The leader has got all.
    topology: {
      purge,
      lastMessage: async (kind: string) => (kind === 'endpoints' ? { seq: 2 } : undefined),
      consumer: async () => ({ ack_floor: { stream_seq: passedUpTo() }, created: created() }),
    },
    lastEvent: async () => undefined,
    recordOf: ({ record }: { record?: unknown }) => record,
  };
  const recentAll = async () => [
    { id: 'e', createdAt: new Date(0).toISOString(), events: ['*'], ordered: true },
  ];
  const turns = new Turns({ broker: broker as unknown as Broker, recentAll } as unknown as EndpointStore);
  return { turns, purge, append, askedFrom };
}

const decoded = (data: Uint8Array) => JSON.parse(new TextDecoder().decode(data));
const jobOf = (data: Uint8Array) => decoded(data).jobId;
const self = { endpoint: 'e', key: 'i', jobId: 'second' };

it('waits for a replica that has not got its own turn yet, nor those before it', async () => {
  const { turns } = turnsOf([[], [stored('second', 2), stored('first', 1)]], { isCluster: true });
  expect(await turns.placeOf(self)).toBe('behind');
});

it('many that wait for the same events ask once', async () => {
  let asked = 0;
  const own = stored('second', 2, 0, 9);
  const { turns } = turnsOf([[own]], { passedUpTo: () => (++asked > 1 ? 9 : 8) });
  await Promise.all(Array.from({ length: 50 }, () => turns.placeOf(self)));
  expect(asked).toBe(2);
});

it('of two that have ended in the same ms, that which was stored first is the first', async () => {
  const first = { ...stored('first', 2, 0, 7), seq: 3 };
  const { turns } = turnsOf([[stored('second', 2, 0, 9), first]], { passedUpTo: () => 9 });
  expect(await turns.placeOf(self)).toBe('behind');
});

it('waits until the events before its own have been passed on, and reads then who is before it', async () => {
  const floors = [8, 8, 9];
  const own = stored('second', 2, 0, 9);
  const { turns } = turnsOf([[own], [stored('first', 1), own]], { passedUpTo: () => floors.shift() ?? 9 });
  expect(await turns.placeOf(self)).toBe('behind');
  expect(floors).toEqual([]);
});

describe('where an event is not passed on', () => {
  const events = [ended(8, 'stuck', 'i'), ended(9, 'later', 'i'), ended(10, 'other', 'k')];
  const turn = (key: string, jobId: string, event: number) =>
    stored(jobId, Date.now() + 60_000, 0, event, key);

  it('takes its turn, behind which those of its instance wait', async () => {
    const { turns, append } = turnsOf([[turn('i', 'second', 9)]], { passedUpTo: () => 7, events });
    expect(await turns.placeOf(self)).toBe('behind');
    const taken = append.mock.calls.map(([{ data }]) => JSON.parse(data));
    expect(taken[0]).toMatchObject({ endpoint: 'e', key: 'i', jobId: 'stuck-webhook-stopped-e', event: 8 });
  });

  it('those of other instances do not wait, and the next ones read no event again', async () => {
    const own = { ...self, key: 'k', jobId: 'other-webhook-stopped-e' };
    const { turns, askedFrom } = turnsOf([[turn('k', own.jobId, 10)]], { passedUpTo: () => 7, events });
    expect(await turns.placeOf(own)).toBe('first');
    expect(await turns.placeOf(own)).toBe('first');
    expect(askedFrom.mock.calls).toEqual([[8]]);
  });

  it('no webhook waits for an event that is not in EVENTS, as one that was restored', async () => {
    const { turns } = turnsOf([[turn('i', 'second', 1_000_000)]], { passedUpTo: () => 7 });
    expect(await turns.placeOf(self)).toBe('first');
  });
});

it('what was passed on says nothing of the events of another EVENTS', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  try {
    const answer = { created: 'then', upTo: 100 };
    const { turns, askedFrom } = turnsOf([[stored('second', 2, 0, 9)]], {
      passedUpTo: () => answer.upTo,
      created: () => answer.created,
    });
    expect(await turns.placeOf(self)).toBe('first');
    Object.assign(answer, { created: 'now', upTo: 3 });
    vi.advanceTimersByTime(60_000);
    expect(await turns.placeOf(self)).toBe('first');
    expect(askedFrom.mock.calls).toEqual([[4]]);
  } finally {
    vi.useRealTimers();
  }
});

it('a turn is taken for longer than any endpoint keeps a webhook', async () => {
  const { turns, append } = turnsOf([[]]);
  await turns.take({ ...self, sequence: 1 });
  const [{ headers }] = append.mock.calls[0] as unknown as [{ headers: [string, string][] }];
  expect(headers).toEqual([['Nats-TTL', `${93 * 86_400}s`]]);
});

it('the end of a webhook wakes no other one while its endpoint keeps them', async () => {
  const { turns, purge } = turnsOf([[stored('second', 2), stored('third', 3)]]);
  const wakeFirst = vi.spyOn(turns, 'wakeFirst');
  expect(await turns.ended(self, true)).toBe(true);
  expect(purge).toHaveBeenCalledOnce();
  expect(wakeFirst).not.toHaveBeenCalled();
});

it('takes the turn away of a job that never came, after some minutes', async () => {
  const fresh = turnsOf([[stored('orphan', 1), stored('second', 2)]]);
  expect(await fresh.turns.placeOf(self)).toBe('behind');
  expect(fresh.purge).not.toHaveBeenCalled();
  const old = turnsOf([[stored('orphan', 1, DAY_MS), stored('second', 2)]]);
  expect(await old.turns.placeOf(self)).toBe('first');
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

/** A fan-out, and how it is given an event. */
async function fanOutOf(store: object, turns: object) {
  let handler: EventHandler = () => {};
  const closed = new Promise<void>(() => {});
  const events = async (_: unknown, given: EventHandler) => {
    handler = given;
    return { closed, close: async () => {} };
  };
  const topology = { ensureConsumer: vi.fn(async (_: string, __: object) => {}) };
  const broker = { events, subjects: new Subjects(), topology, clock: { now: Date.now } };
  const whole = { isUsed: async () => true, broker, ...store } as unknown as EndpointStore;
  const fanOut = new FanOut(whole, turns as Turns, {} as UserCode, silentLogger);
  await fanOut.start();
  const pass = async (record: object, seq = 1) =>
    handler(record as JobRecord, { seq, subject: '', deliveryCount: 1 });
  return { pass, topology };
}

it('stores the webhooks of many endpoints some at a time, and one that is refused keeps no other from it', async () => {
  const ids = Array.from({ length: 600 }, (_, n) => `e${n}`);
  const recentAll = async () =>
    ids.map((id) => ({ id, createdAt: new Date(0).toISOString(), events: ['*'], ordered: true }));
  let [now, most, all] = [0, 0, 0];
  const take = async () => {
    most = Math.max(most, ++now);
    all++;
    await new Promise(setImmediate);
    now--;
    throw new Error('refused');
  };
  const { pass } = await fanOutOf({ recentAll }, { take });
  const passing = [1, 2, 3].map((seq) => pass(ended(seq, `job-${seq}`, 'i').record, seq));
  for (const each of await Promise.allSettled(passing)) expect(each).toMatchObject({ status: 'rejected' });
  expect([most, all]).toEqual([256, 1_800]);
});

it.each([['disabled'], ['closed']])('hears the end of a webhook of an endpoint that is %s', async (state) => {
  const health = async () => ({ value: { state } });
  const endings = vi.fn(async (_: object, __: boolean) => true);
  const { pass } = await fanOutOf({ health, recentHealth: health }, { ended: endings });
  const payload = { endpoint: 'e', payload: {} };
  await pass({ id: 'w', type: 'send_webhook', payload, checkpoint: { turn: 'kept' } });
  expect(endings).toHaveBeenCalledExactlyOnceWith(
    { endpoint: 'e', key: 'kept', jobId: 'w' },
    state === 'disabled',
  );
});

it('a worker that dies with its hands full leaves room for the events of others', async () => {
  const { topology } = await fanOutOf({}, {});
  const [, consumer] = topology.ensureConsumer.mock.calls[0] as [string, { max_ack_pending: number }];
  expect(consumer.max_ack_pending).toBeGreaterThan(64 * 10);
});

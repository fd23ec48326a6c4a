import { expect, it } from 'vitest';
import { CreateGate, keptTurnIn } from '../../src/instances/create-gate.js';
import { type Booked, RateTurns } from '../../src/queue/limits/rate-turns.js';
import { silentLogger } from '../../src/telemetry/logger.js';

const CREATE = { name: 'lambda/create', key: 'a', rate: { max: 1, perMs: 12_000 } };
const ALL = { name: 'lambda/all', key: 'a', rate: { max: 1, perMs: 1_000 } };
/** What a rate counts a start for, beyond its time. */
const PER_CREATE_MS = 12_300;
const PER_CALL_MS = 1_025;

/** Without a broker, a process takes turns by itself, by the same rules. */
function ownTurns(): RateTurns {
  return new RateTurns(() => Promise.reject(new Error('no broker')), silentLogger);
}

function startOf(booked: Booked): number {
  if (!('turn' in booked)) throw new Error(`comes in ${booked.inMs} ms`);
  return booked.turn.startAtMs;
}

it('turns are as far apart as the rate says, and other calls take the room in between', async () => {
  const turns = ownTurns();
  const first = startOf(await turns.book([CREATE, ALL], { withinMs: 60_000 }));
  const creates = [];
  for (let each = 0; each < 3; each++) creates.push(await turns.book([CREATE, ALL], { withinMs: 60_000 }));
  const gaps = creates.map((each, at) => startOf(each) - first - (at + 1) * PER_CREATE_MS);
  for (const gap of gaps) expect(Math.abs(gap)).toBeLessThan(200);
  const reads = [];
  for (let each = 0; each < 3; each++) reads.push(startOf(await turns.book([ALL], { withinMs: 60_000 })));
  for (const [at, read] of reads.entries()) {
    expect(Math.abs(read - first - (at + 1) * PER_CALL_MS)).toBeLessThan(100);
  }
});

it('a turn that comes too late is not taken, and one that is given back is free', async () => {
  const turns = ownTurns();
  startOf(await turns.book([CREATE], { withinMs: 1_000 }));
  const refused = await turns.book([CREATE], { withinMs: 1_000 });
  expect('inMs' in refused && refused.inMs).toBeGreaterThan(10_000);
  const booked = await turns.book([CREATE], { withinMs: 60_000 });
  const startAtMs = startOf(booked);
  if ('turn' in booked) await booked.turn.giveBack();
  expect(Math.abs(startOf(await turns.book([CREATE], { withinMs: 60_000 })) - startAtMs)).toBeLessThan(100);
});

it('whoever waits while others are told to wait gets a later turn, and one who leaves gives it back', async () => {
  const turns = ownTurns();
  const rate = { max: 1, perMs: 600 };
  const limit = { ...CREATE, rate };
  await turns.book([limit], { withinMs: 1_000 });
  const booked = await turns.book([limit], { withinMs: 1_000 });
  await turns.close(limit, 60_000);
  const inMs = 'turn' in booked ? await booked.turn.begin(1_000) : 0;
  expect(inMs).toBeGreaterThan(50_000);
  const leaving = new AbortController();
  const turn = await turns.resume([limit], Date.now() + 60_000);
  const begun = turn.begin(120_000, leaving.signal);
  leaving.abort(new Error('cancelled'));
  await expect(begun).rejects.toThrow('cancelled');
});

it('other keys and other limits are not closed with one', async () => {
  const turns = ownTurns();
  await turns.close(CREATE, 60_000);
  expect('inMs' in (await turns.book([CREATE], { withinMs: 1_000 }))).toBe(true);
  expect('turn' in (await turns.book([ALL], { withinMs: 1_000 }))).toBe(true);
  expect('turn' in (await turns.book([{ ...CREATE, key: 'b' }], { withinMs: 1_000 }))).toBe(true);
});

it('a broker that does not answer stops no call', async () => {
  const turns = new RateTurns(() => new Promise(() => {}), silentLogger);
  expect('turn' in (await turns.book([CREATE], { withinMs: 1_000 }))).toBe(true);
  // It is not asked again for each of the next calls.
  const beganMs = performance.now();
  expect('turn' in (await turns.book([ALL], { withinMs: 1_000 }))).toBe(true);
  expect(performance.now() - beganMs).toBeLessThan(1_500);
});

function gateOf(turns: RateTurns, more: Partial<ConstructorParameters<typeof CreateGate>[0]> = {}) {
  const fences: number[] = [];
  const gate = new CreateGate({
    turns,
    provider: 'lambda',
    kept: undefined,
    isLast: true,
    now: async () => Date.now(),
    afterWait: async () => {
      fences.push(Date.now());
    },
    ...more,
  });
  return { gate, fences, book: () => gate.book([CREATE], { withinMs: 30_000, kind: 'create' }) };
}

it('a create that comes much later keeps its turn for the job, which finds it again', async () => {
  const turns = ownTurns();
  await turns.book([CREATE], { withinMs: 1_000 });
  const { gate, book } = gateOf(turns);
  const booked = await book();
  expect('inMs' in booked && booked.inMs).toBeGreaterThan(10_000);
  expect(gate.later?.parkForMs).toBeGreaterThan(3_000);
  const kept = keptTurnIn({ turn: gate.later?.turn });
  expect(kept?.provider).toBe('lambda');
  // When it wakes, the turn is near: nobody else is given it, and nothing later is taken.
  const woken = gateOf(turns, { kept, now: async () => (kept?.startAtMs ?? 0) - 2_000 });
  const found = await woken.book();
  expect('turn' in found && found.turn.startAtMs).toBe(kept?.startAtMs);
  const next = startOf(await turns.book([CREATE], { withinMs: 60_000 }));
  expect(next - (kept?.startAtMs ?? 0)).toBeGreaterThanOrEqual(PER_CREATE_MS - 100);
});

it('with another provider to try, a create waits for none that comes much later', async () => {
  const turns = ownTurns();
  await turns.book([CREATE], { withinMs: 1_000 });
  const { gate, book } = gateOf(turns, { isLast: false });
  expect('inMs' in (await book())).toBe(true);
  expect(gate.later).toBeUndefined();
  // It has taken no turn either.
  const next = startOf(await turns.book([CREATE], { withinMs: 60_000 }));
  expect(next - Date.now()).toBeLessThan(PER_CREATE_MS + 100);
});

it('a create that had to wait is fenced once more before it is sent', async () => {
  const turns = ownTurns();
  const limit = { ...CREATE, rate: { max: 1, perMs: 400 } };
  const { gate, fences } = gateOf(turns);
  for (let each = 0; each < 2; each++) {
    const booked = await gate.book([limit], { withinMs: 1_000, kind: 'create' });
    if (!('turn' in booked)) throw new Error('comes later');
    expect(await booked.turn.begin(1_000)).toBeUndefined();
  }
  expect(fences).toHaveLength(1);
});

it.each([
  undefined,
  null,
  {},
  { turn: null },
  { turn: { provider: 7, startAtMs: 1 } },
  { turn: { provider: 'x', startAtMs: 'y' } },
])('a checkpoint %j keeps no turn', (checkpoint) => expect(keptTurnIn(checkpoint)).toBeUndefined());

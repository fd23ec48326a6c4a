import { describe, expect, it } from 'vitest';
import { checkedPolicy } from '../../src/jobs/priority-policy.js';
import { AgingOrder } from '../../src/worker/lane/aging-order.js';
import { type LaneOrder, StrictOrder, WeightedOrder } from '../../src/worker/lane/lane-order.js';

/** Numbers from 0 to 1, always the same for a seed (mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface SimulatedJob {
  priority: number;
  atMs: number;
  /** How many were waiting or running when it came. */
  ahead: number;
  startedMs: number;
}

interface SimulatedSource {
  waiting: SimulatedJob[];
  readonly isWaiting: boolean;
  readonly mayHaveMore: boolean;
}

const SLOTS = 3;
const SERVICE_MS = 10;

/** Jobs of four priorities at a worker of three slots, in virtual time; asks as the lane does. */
async function simulate(
  arrivals: readonly { priority: number; atMs: number }[],
  orderOf: (sources: SimulatedSource[], now: () => number) => LaneOrder<SimulatedSource>,
): Promise<SimulatedJob[]> {
  let now = 0;
  const sources = [0, 1, 2, 3].map((): SimulatedSource => {
    const waiting: SimulatedJob[] = [];
    return {
      waiting,
      isWaiting: false,
      get mayHaveMore() {
        return waiting.length > 0;
      },
    };
  });
  const order = orderOf(sources, () => now);
  const done: SimulatedJob[] = [];
  let ends: number[] = [];
  const ask = async () => {
    let got = 0;
    for (const { source, most, isAlone } of await order.turns(SLOTS - ends.length)) {
      const free = SLOTS - ends.length;
      const taken = source.waiting.splice(0, Math.min(free, most));
      for (const [index, job] of taken.entries()) {
        job.startedMs = now;
        done.push(job);
        ends.push(now + SERVICE_MS);
        order.onReceived(source, {
          timeMs: job.atMs,
          pending: source.waiting.length + taken.length - index - 1,
        });
      }
      got += taken.length;
      if (ends.length >= SLOTS || (isAlone && taken.length > 0)) break;
    }
    return got;
  };
  const coming = [...arrivals].sort((a, b) => a.atMs - b.atMs);
  while (coming.length > 0 || sources.some(({ waiting }) => waiting.length > 0)) {
    while (ends.length < SLOTS && (await ask()) > 0);
    const next = Math.min(coming[0]?.atMs ?? Number.POSITIVE_INFINITY, ...(ends.length > 0 ? ends : []));
    now = Math.max(now, next);
    ends = ends.filter((end) => end > now);
    while (coming[0] && coming[0].atMs <= now) {
      const { priority, atMs } = coming.shift() as { priority: number; atMs: number };
      const ahead = ends.length + sources.reduce((sum, { waiting }) => sum + waiting.length, 0);
      sources[priority]?.waiting.push({ priority, atMs, ahead, startedMs: Number.NaN });
    }
  }
  return done;
}

/** Bursts of high priorities that alone take all slots, and a trickle of all others. */
function arrivalsOf(seed: number, count: number): { priority: number; atMs: number }[] {
  const random = randomOf(seed);
  const perMs = SLOTS / SERVICE_MS;
  let atMs = 0;
  return Array.from({ length: count }, (_, index) => {
    const isBurst = Math.floor(index / 400) % 2 === 0;
    atMs += -Math.log(1 - random()) / (perMs * (isBurst ? 1.05 : 0.7));
    return { priority: isBurst && random() < 0.97 ? 0 : Math.floor(random() * 4), atMs };
  });
}

const MAX_WAIT_MS = 150;
/** Everything that was there before it, in all slots, the rest of a job that runs, and a millisecond for rounding. */
const boundOf = ({ ahead }: SimulatedJob) => MAX_WAIT_MS + (ahead / SLOTS) * SERVICE_MS + 2 * SERVICE_MS;
const isLate = (job: SimulatedJob) => job.startedMs - job.atMs > boundOf(job);

describe('aging', () => {
  it('keeps the longest wait within its bound, which strict does not', async () => {
    let lateWhenStrict = 0;
    let looks = 0;
    let jobs = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const arrivals = arrivalsOf(seed, 3_000);
      const aged = await simulate(
        arrivals,
        (sources, now) =>
          new AgingOrder(sources, {
            maxWaitMs: MAX_WAIT_MS,
            now,
            oldest: async ({ waiting }) => {
              looks++;
              return waiting[0]?.atMs;
            },
          }),
      );
      expect(aged).toHaveLength(3_000);
      expect(aged.filter(isLate), `seed ${seed}`).toEqual([]);
      const strict = await simulate(arrivals, (sources) => new StrictOrder(sources));
      lateWhenStrict += strict.filter(isLate).length;
      jobs += aged.length;
    }
    expect(lateWhenStrict).toBeGreaterThan(100);
    // The broker is asked now and then, and not for each job.
    expect(looks / jobs).toBeLessThan(0.5);
  });

  it('is strict while nobody waits too long', async () => {
    const arrivals = [3, 2, 1, 0, 3, 2, 1, 0, 0, 1].map((priority, index) => ({
      priority,
      atMs: index / 100,
    }));
    const order = async (orderOf: Parameters<typeof simulate>[1]) =>
      (await simulate(arrivals, orderOf)).map(({ priority, atMs }) => [priority, atMs]);
    const aging = await order(
      (sources, now) =>
        new AgingOrder(sources, { maxWaitMs: 10_000, now, oldest: async ({ waiting }) => waiting[0]?.atMs }),
    );
    expect(aging).toEqual(await order((sources) => new StrictOrder(sources)));
  });
});

describe('weights', () => {
  it('share the slots while all wait, to within a job, and leave none unused', async () => {
    const weights = [8, 4, 2, 1];
    const arrivals = [0, 1, 2, 3].flatMap((priority) =>
      Array.from({ length: 300 }, () => ({ priority, atMs: 0 })),
    );
    const done = await simulate(
      arrivals,
      (sources) => new WeightedOrder(sources, (source) => weights[sources.indexOf(source)] ?? 1),
    );
    for (const started of [15, 45, 150, 300]) {
      const counts = [0, 1, 2, 3].map(
        (priority) => done.slice(0, started).filter((job) => job.priority === priority).length,
      );
      for (const [priority, weight] of weights.entries())
        expect(Math.abs((counts[priority] ?? 0) - (started * weight) / 15)).toBeLessThanOrEqual(3);
    }
    expect(done.at(-1)?.startedMs).toBe(((4 * 300) / SLOTS - 1) * SERVICE_MS);
  });
});

describe('a policy', () => {
  it.each([
    ['fair', /^x must be strict, \{ aging/],
    [{}, /^x must be/],
    [null, /^x must be/],
    [{ aging: { maxWaitMs: 1_000 }, weighted: {} }, /^x must be/],
    [{ ageing: { maxWaitMs: 1_000 } }, /^x must be/],
    [{ aging: {} }, /maxWaitMs/],
    [{ aging: { maxWaitMs: 10 } }, /maxWaitMs .* 100/],
    [{ aging: { maxWaitMs: 1_000, step: 1 } }, /has no "step"/],
    [{ weighted: { urgent: 3 } }, /has no "urgent"/],
    [{ weighted: { low: 0 } }, /low .* 1 to 1,?000/],
  ])('%j is refused', (policy, message) => {
    expect(() => checkedPolicy('x', policy as never)).toThrow(
      expect.objectContaining({ code: 'JETFLEET_OPTION_INVALID', message: expect.stringMatching(message) }),
    );
  });

  it('has all weights once it is checked', () => {
    expect(checkedPolicy('x', { weighted: { low: 3 } })).toEqual({
      weighted: { critical: 8, high: 4, normal: 2, low: 3 },
    });
  });
});

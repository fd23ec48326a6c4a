import { describe, expect, it } from 'vitest';
import { NO_TICKS, type TicksRecord } from '../../src/wire/ticks-message.js';
import { decideTick, type TickInput } from '../../src/worker/claim/decide-tick.js';

const HOUR = 3_600_000;
const T0 = 1_000 * HOUR;

const tickAt = (ms: number, id = `seq-${ms / HOUR}`) => ({
  id,
  seq: ms / HOUR,
  storedMs: ms,
  nextMs: ms + HOUR,
});

const runAt = (ms: number) => ({ id: `seq-${ms / HOUR}`, seq: ms / HOUR });

function decide(more: Partial<TickInput> & { overlap?: TickInput['schedule']['overlap'] } = {}) {
  const { overlap = 'skip', ...rest } = more;
  const schedule = { overlap, changedMs: 0, ...rest.schedule };
  return decideTick({
    tick: tickAt(T0 + HOUR),
    active: [],
    record: NO_TICKS,
    nowMs: T0 + HOUR + 10,
    ...rest,
    schedule,
  });
}

/** After one tick that ran. */
function afterOne(): TicksRecord {
  const first = decide({ tick: tickAt(T0), nowMs: T0 + 10 });
  if (first.kind !== 'run') throw new Error(first.kind);
  return first.record;
}

describe('a tick', () => {
  it('runs, and the next one runs when that has ended', () => {
    expect(afterOne()).toMatchObject({ runs: 1, skips: 0, last: { id: 'seq-1000', atMs: T0 + 10 } });
    expect(decide({ record: afterOne() })).toMatchObject({
      kind: 'run',
      record: { runs: 2, last: { id: 'seq-1001' } },
    });
  });

  it('that is delivered again is what it was', () => {
    const again = { record: afterOne(), tick: tickAt(T0), active: [runAt(T0)] };
    expect(decide(again)).toEqual({ kind: 'known', outcome: 'run' });
    const skipped = decide({ record: afterOne(), active: [runAt(T0)] });
    if (skipped.kind !== 'skip') throw new Error(skipped.kind);
    expect(decide({ record: skipped.record })).toEqual({ kind: 'known', outcome: 'skip' });
  });

  it('of a stream that was made anew is another one under the same id', () => {
    const anew = { ...tickAt(T0 + 5 * HOUR, 'seq-1000') };
    expect(decide({ record: afterOne(), tick: anew, nowMs: T0 + 5 * HOUR })).toMatchObject({ kind: 'run' });
  });

  it.each(['skip', 'allow', 'cancel'] as const)('while the last run goes on: %s', (overlap) => {
    const decision = decide({ overlap, record: afterOne(), active: [runAt(T0)] });
    if (overlap === 'skip') {
      expect(decision).toMatchObject({
        kind: 'skip',
        reason: expect.stringContaining('seq-1000'),
        record: { runs: 1, skips: 1, last: { id: 'seq-1000' } },
      });
    } else {
      expect(decision).toMatchObject({ kind: 'run', record: { runs: 2 } });
      const cancels = decision.kind === 'run' ? decision.record.cancels : undefined;
      expect(cancels).toEqual(overlap === 'cancel' ? [runAt(T0)] : undefined);
    }
  });

  it('cancels also what the run before was to cancel, whose worker died first', () => {
    const died = decide({ overlap: 'cancel', record: afterOne(), active: [runAt(T0)] });
    if (died.kind !== 'run') throw new Error(died.kind);
    const active = [...(died.record.cancels ?? []), runAt(T0 + HOUR)];
    const next = { record: died.record, tick: tickAt(T0 + 2 * HOUR), nowMs: T0 + 2 * HOUR + 10 };
    expect(decide({ overlap: 'cancel', ...next, active })).toMatchObject({
      kind: 'run',
      record: { cancels: [runAt(T0), runAt(T0 + HOUR)] },
    });
    // One of before goes on although the last run has ended: that alone is no reason to skip.
    expect(decide({ overlap: 'skip', ...next, active: [runAt(T0)] })).toMatchObject({ kind: 'run' });
  });

  it.each(['skip', 'allow', 'cancel'] as const)('that was due before the last run began: %s', (overlap) => {
    const late = { ...afterOne(), last: { id: 'seq-9', seq: 9, atMs: T0 + 3 * HOUR } };
    const decision = decide({ overlap, record: late, nowMs: T0 + 4 * HOUR });
    expect(decision.kind).toBe(overlap === 'allow' ? 'run' : 'skip');
  });

  it.each(['skip', 'allow', 'cancel'] as const)(
    'that the server fires once more is dropped: %s',
    (overlap) => {
      const repeated = { ...tickAt(T0), id: 'seq-2000', storedMs: T0 + HOUR / 2 };
      expect(decide({ overlap, record: afterOne(), tick: repeated, nowMs: T0 + HOUR / 2 })).toEqual({
        kind: 'repeated',
        of: 'seq-1000',
      });
    },
  );

  it('that was fired before the schedule was changed is compared with those of before', () => {
    const tick = { ...tickAt(T0), id: 'seq-2000', storedMs: T0 + HOUR / 2 };
    const schedule = { overlap: 'skip' as const, changedMs: T0 + HOUR / 2 + 1 };
    expect(decide({ record: afterOne(), tick, schedule, nowMs: T0 + HOUR })).toMatchObject({
      kind: 'repeated',
    });
  });

  it('before the same next one, after the schedule was changed, is a tick of its own', () => {
    const tick = { ...tickAt(T0), id: 'seq-2000', storedMs: T0 + HOUR / 2 };
    const schedule = { overlap: 'skip' as const, changedMs: T0 + 1_000 };
    expect(decide({ record: afterOne(), tick, schedule, nowMs: T0 + HOUR / 2 })).toMatchObject({
      kind: 'run',
    });
  });

  it('of an interval is dropped where it comes too early, and runs a whole interval later', () => {
    const schedule = { overlap: 'allow' as const, changedMs: 0, everyMs: HOUR };
    const at = (ms: number) =>
      decide({ record: afterOne(), tick: tickAt(ms, 'seq-2000'), schedule, nowMs: ms });
    expect(at(T0 + HOUR / 2)).toMatchObject({ kind: 'repeated' });
    expect(at(T0 + HOUR - 1_000)).toMatchObject({ kind: 'run' });
    expect(at(T0 + HOUR)).toMatchObject({ kind: 'run' });
  });

  it('at the end of the schedule or later does not run', () => {
    const schedule = { overlap: 'allow' as const, changedMs: 0, untilMs: T0 + HOUR };
    expect(decide({ schedule })).toMatchObject({ kind: 'skip', reason: expect.stringContaining('ended') });
    expect(decide({ schedule, tick: tickAt(T0) })).toMatchObject({ kind: 'run' });
  });

  it('that somebody asked for runs whatever the server fires', () => {
    const { nextMs: _, ...tick } = tickAt(T0 + 1_000, 'asked');
    expect(decide({ record: afterOne(), tick, nowMs: T0 + 2_000 })).toMatchObject({ kind: 'run' });
  });

  it('leaves no more notes than are needed', () => {
    let record = NO_TICKS;
    for (let hour = 0; hour < 50; hour++) {
      const decision = decide({ record, tick: tickAt(T0 + hour * HOUR), nowMs: T0 + hour * HOUR });
      if (decision.kind === 'run') record = decision.record;
    }
    expect(record).toMatchObject({ runs: 50 });
    expect(record.ticks).toHaveLength(16);
  });
});

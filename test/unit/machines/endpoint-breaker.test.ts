import { describe, expect, it } from 'vitest';
import {
  type BreakerEvent,
  type BreakerPolicy,
  type BreakerSnapshot,
  breakerAfter,
  HEALTHY,
  providerBreakerAfter,
} from '../../../machines/index.js';

const POLICY: BreakerPolicy = {
  failures: 2,
  restMs: 1_000,
  maxRestMs: 4_000,
  probeMs: 500,
  alertAfterMs: 5_000,
  disableAfterMs: 10_000,
  disableFailures: 4,
};
const START = Date.parse('2026-01-01T00:00:00.000Z');
const at = (ms: number) => new Date(START + ms).toISOString();
const failed = (ms: number): BreakerEvent => ({ type: 'FAILED', at: at(ms), error: 'it answered 503' });
const probe = (ms: number): BreakerEvent => ({ type: 'PROBE', at: at(ms) });
const delivered = (ms: number): BreakerEvent => ({ type: 'SUCCEEDED', at: at(ms) });

function stateAfter(...events: BreakerEvent[]): BreakerSnapshot {
  // As it is stored in between.
  const stored = (snapshot: BreakerSnapshot) => JSON.parse(JSON.stringify(snapshot)) as BreakerSnapshot;
  return events.reduce((snapshot, event) => stored(breakerAfter(snapshot, event, POLICY).snapshot), HEALTHY);
}

describe('the breaker of an endpoint', () => {
  it('forgets failures with the first success', () => {
    expect(stateAfter(failed(0), delivered(10))).toEqual(HEALTHY);
  });

  it.each([
    [
      'rests after some failures in a row',
      [failed(0), failed(10)],
      'open',
      { failures: 2, openUntilMs: START + 1_010 },
    ],
    ['stays closed before', [failed(0)], 'closed', { failures: 1, failingSince: at(0) }],
    ['is not tried before its rest is over', [failed(0), failed(10), probe(1_009)], 'open', {}],
    [
      'is tried once it is',
      [failed(0), failed(10), probe(1_010)],
      'halfOpen',
      { probeUntilMs: START + 1_510 },
    ],
    [
      'rests for twice as long when that fails',
      [failed(0), failed(10), probe(1_010), failed(1_020)],
      'open',
      { openUntilMs: START + 3_020 },
    ],
    [
      'is closed when that succeeds',
      [failed(0), failed(10), probe(1_010), delivered(1_020)],
      'closed',
      { failures: 0 },
    ],
    ['is closed by a late success', [failed(0), failed(10), delivered(20)], 'closed', { failures: 0 }],
    ['counts late failures', [failed(0), failed(10), failed(20)], 'open', { failures: 3, rests: 1 }],
  ] as [string, BreakerEvent[], string, object][])('%s', (_, events, state, facts) => {
    expect(stateAfter(...events)).toMatchObject({ state, ...facts });
  });

  it('rests no longer than the longest rest', () => {
    let snapshot = stateAfter(failed(0), failed(0));
    for (let ms = 10_000; ms <= 50_000; ms += 10_000) {
      // So long that it would be disabled.
      const patient = { ...POLICY, disableFailures: 100 };
      snapshot = breakerAfter(snapshot, probe(ms), patient).snapshot;
      snapshot = breakerAfter(snapshot, failed(ms), patient).snapshot;
    }
    expect(snapshot).toMatchObject({ state: 'open', openUntilMs: START + 54_000 });
  });

  it('lets one webhook try at a time, and another one when that is lost', () => {
    const trying = stateAfter(failed(0), failed(10), probe(1_010));
    expect(breakerAfter(trying, probe(1_100), POLICY).accepted).toBe(false);
    expect(breakerAfter(trying, probe(1_510), POLICY)).toMatchObject({
      accepted: true,
      snapshot: { state: 'halfOpen', probeUntilMs: START + 2_010 },
    });
  });

  it('alerts before it disables, and disables only after both time and failures', () => {
    const alerted = stateAfter(failed(0), failed(10), probe(6_000), failed(6_000));
    expect(alerted).toMatchObject({ state: 'open', alertedAt: at(6_000) });
    expect(stateAfter(failed(0), failed(10), probe(11_000), failed(11_000))).toMatchObject({
      state: 'open',
      failures: 3,
    });
    const disabled = stateAfter(
      failed(0),
      failed(10),
      probe(6_000),
      failed(6_000),
      probe(12_000),
      failed(12_000),
    );
    expect(disabled).toMatchObject({ state: 'disabled', disabledBy: 'failing', reason: 'it answered 503' });
  });

  it('is disabled by a 410 and by people in any state, until somebody enables it', () => {
    const gone: BreakerEvent = { type: 'GONE', at: at(0), error: 'it answered 410' };
    const disable: BreakerEvent = { type: 'DISABLE', at: at(0), reason: 'moves' };
    for (const before of [[], [failed(0), failed(0)], [failed(0), failed(0), probe(1_000)]]) {
      expect(stateAfter(...before, gone)).toMatchObject({ state: 'disabled', disabledBy: 'gone' });
      expect(stateAfter(...before, disable)).toMatchObject({
        state: 'disabled',
        disabledBy: 'user',
        reason: 'moves',
      });
    }
    expect(stateAfter(disable, delivered(1), failed(2), gone)).toMatchObject({
      state: 'disabled',
      disabledBy: 'user',
    });
    expect(stateAfter(disable, { type: 'ENABLE', at: at(3) })).toEqual(HEALTHY);
  });
});

describe('the breaker of a provider', () => {
  it('rests and tries as the other one does, and is never disabled', () => {
    const led = (...events: BreakerEvent[]) =>
      events.reduce((snapshot, event) => providerBreakerAfter(snapshot, event, POLICY).snapshot, HEALTHY);
    const steps = [failed(0), failed(10), probe(1_010), failed(1_020), probe(20_000), failed(20_010)];
    expect(led(...steps)).toMatchObject({ state: 'open', failures: 4 });
    expect(led(...steps, probe(30_000), delivered(30_010))).toEqual(HEALTHY);
    const disable: BreakerEvent = { type: 'DISABLE', at: at(0) };
    expect(providerBreakerAfter(HEALTHY, disable, POLICY).accepted).toBe(false);
  });
});

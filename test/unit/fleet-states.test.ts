import { beforeEach, describe, expect, it } from 'vitest';
import type { JobRecord, JobState } from '../../src/index.js';
import { FleetStates } from '../../src/inspect/fleet-states.js';
import { JobMoves } from '../../src/inspect/job-moves.js';
import { statusOf } from '../../src/jobs/vocabulary.js';
import type { InspectionRecord } from '../../src/wire/inspection.js';

const at = (ms: number) => new Date(ms).toISOString();
let states: FleetStates;
beforeEach(() => {
  states = new FleetStates();
});

function tell(
  kind: InspectionRecord['kind'],
  active: string[],
  atMs: number,
  more: Partial<InspectionRecord> = {},
) {
  const who = { worker: 'w1', jobId: 'a', actor: 'own', machine: 'own' };
  states.note({ v: 1, seq: 1, at: at(atMs), ...who, kind, active, ...more });
}
const own = () => states.picture().find(({ id }) => id === 'own');

describe('where the machines of a fleet stand', () => {
  it('is counted with the states around, and with every region of a parallel one', () => {
    tell('snapshot', ['on.left.a', 'on.right.b'], 0, { step: 0 });
    tell('snapshot', ['on.left.a', 'on.right.c'], 0, { step: 0, jobId: 'b' });
    expect(own()).toMatchObject({
      running: 2,
      counts: { on: 2, 'on.left': 2, 'on.left.a': 2, 'on.right': 2, 'on.right.b': 1, 'on.right.c': 1 },
    });
    tell('done', ['on.left.a', 'on.right.b'], 10);
    expect(own()).toMatchObject({ running: 1, counts: { on: 1 } });
  });

  it('has the time in states that were left, but not of those that somebody came upon', () => {
    tell('snapshot', ['a'], 0);
    tell('transition', ['b'], 1_000, { edges: [{ from: 'a', to: 'b', event: 'GO' }] });
    tell('transition', ['c'], 1_016, { edges: [{ from: 'b', to: 'c', event: 'GO' }] });
    const { times = {}, moved } = own() ?? {};
    expect(Object.keys(times)).toEqual(['b']);
    expect(times.b).toMatchObject({ count: 1 });
    expect(Math.abs((times.b?.p50 ?? 0) - 16)).toBeLessThanOrEqual(2);
    expect(moved).toMatchObject([
      { from: 'a', to: 'b', count: 1 },
      { from: 'b', to: 'c', count: 1 },
    ]);
    expect(own()?.moved).toEqual([]);
  });

  it('is not changed by steps that are told once more, as to somebody who begins to watch a job', () => {
    const run = () => {
      tell('snapshot', ['a'], 0, { step: 0 });
      tell('transition', ['b'], 10, { step: 1, edges: [{ from: 'a', to: 'b', event: 'GO' }] });
      tell('transition', ['c'], 30, { step: 2, edges: [{ from: 'b', to: 'c', event: 'GO' }] });
    };
    run();
    own();
    run();
    tell('snapshot', ['c'], 40);
    expect(own()).toMatchObject({ counts: { c: 1 }, moved: [], times: { a: { count: 1 }, b: { count: 1 } } });
    // Another run of the job, the end of the first of which was lost.
    tell('snapshot', ['a'], 50, { step: 0 });
    tell('transition', ['b'], 60, { step: 1, edges: [{ from: 'a', to: 'b', event: 'GO' }] });
    expect(own()).toMatchObject({ counts: { b: 1 }, moved: [{ from: 'a', to: 'b', count: 1 }] });
  });

  it('forgets machines whose end was never told, once all were asked again', () => {
    tell('snapshot', ['a'], 0);
    tell('snapshot', ['a'], 0, { jobId: 'b', worker: 'gone' });
    states.beginRound();
    tell('snapshot', ['a'], 9);
    states.endRound();
    expect(own()?.counts).toEqual({ a: 1 });
    expect(states.jobsIn('own', 'a', 10)).toEqual({
      count: 1,
      jobs: [{ jobId: 'a', worker: 'w1', since: at(0) }],
    });
  });

  it('is bounded: machines, states and edges beyond it are left out', () => {
    for (let index = 0; index < 300; index++)
      tell('snapshot', ['a'], 0, { machine: `m${index}`, actor: `m${index}` });
    expect(states.picture()).toHaveLength(200);
    tell('transition', ['a'], 1, {
      machine: 'm1',
      edges: Array.from({ length: 300 }, (_, index) => ({ from: `s${index}`, to: 'a', event: '' })),
    });
    expect(states.picture().find(({ id }) => id === 'm1')?.moved).toHaveLength(200);
  });
});

describe('the moves of a job', () => {
  const record = (state: JobState, more: Partial<JobRecord>): JobRecord => ({
    v: 1,
    id: 'a',
    type: 'demo',
    priority: 'normal',
    payload: null,
    maxAttempts: 3,
    machine: { id: 'job', version: 1 },
    createdAt: at(0),
    updatedAt: at(0),
    attempt: 1,
    status: statusOf(state),
    state,
    ...more,
  });
  const startedAt = at(40);

  it('begin in the queue, of which nothing is written, also of a job with one record', () => {
    const claimed = new JobMoves();
    expect(claimed.of(record('running', { startedAt, updatedAt: startedAt }))).toEqual([
      { from: 'pending.queued', to: 'processing.running', stayedMs: 40 },
    ]);
    expect(claimed.of(record('exhausted', { startedAt, updatedAt: at(100) }))).toEqual([
      { from: 'processing.running', to: 'failed.exhausted', stayedMs: 60 },
    ]);
    expect(new JobMoves().of(record('completed', { startedAt, updatedAt: at(100) }))).toEqual([
      { from: 'pending.queued', to: 'processing.running', stayedMs: 40 },
      { from: 'processing.running', to: 'completed', stayedMs: 60 },
    ]);
  });

  it('are none where a record is only written again, and where the one before is not known', () => {
    const moves = new JobMoves();
    expect(moves.of(record('retrying', { attempt: 2, startedAt, updatedAt: at(100) }))).toEqual([]);
    expect(
      moves.of(record('retrying', { attempt: 2, startedAt, updatedAt: at(150), priority: 'high' })),
    ).toEqual([]);
    expect(moves.of(record('running', { attempt: 2, startedAt, updatedAt: at(200) }))).toEqual([
      { from: 'pending.retrying', to: 'processing.running', stayedMs: 100 },
    ]);
  });
});

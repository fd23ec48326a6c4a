import { describe, expect, it } from 'vitest';
import { createActor, setup } from 'xstate';
import { lanesOfFollowing, lanesOfJob } from '../../dashboard/src/job/lanes.js';
import { stagesOf } from '../../dashboard/src/job/stages.js';
import { joinedSteps, NO_STEPS, newSteps } from '../../dashboard/src/job/steps.js';
import type { FamilyJob, JobRecord } from '../../src/index.js';
import { shownContext } from '../../src/inspect/inspection.js';
import type { InspectionRecord } from '../../src/wire/inspection.js';

const AT = '2026-11-01T12:00:00.000Z';

function told(seq: number, step: number | undefined, kind: InspectionRecord['kind']): InspectionRecord {
  const at = new Date(Date.parse(AT) + (step ?? seq)).toISOString();
  return { v: 1, seq, at, worker: 'w', jobId: 'a', actor: 'own', kind, ...(step !== undefined && { step }) };
}

describe('the steps that a page hears', () => {
  it('leave out what the worker tells again when others begin to watch', () => {
    const run = [told(1, 0, 'snapshot'), told(2, 1, 'transition')];
    expect(newSteps([], run)).toEqual(run);
    const again = [told(3, 0, 'snapshot'), told(4, 1, 'transition'), told(5, undefined, 'snapshot')];
    expect(newSteps(run, again)).toEqual([]);
    const next = told(6, 2, 'transition');
    expect(newSteps(run, [...again, next])).toEqual([next]);
    expect(joinedSteps(NO_STEPS, [...run, next], 1).map(({ index }) => index)).toEqual([0, 1, 2]);
  });

  it('begin with where the machine stands, if nothing is known of its run', () => {
    const standing = told(1, undefined, 'snapshot');
    expect(newSteps([], [standing])).toEqual([standing]);
  });
});

const later = (ms: number) => new Date(Date.parse(AT) + ms).toISOString();

function record(more: Partial<JobRecord>): JobRecord {
  return {
    ...{ v: 1, id: 'a', type: 'report', priority: 'normal', attempt: 1, maxAttempts: 3, payload: null },
    ...{ status: 'processing', state: 'running', worker: 'w-1', createdAt: AT, startedAt: later(50) },
    ...more,
  } as JobRecord;
}

function member(id: string, type: string): FamilyJob {
  const state = { status: 'completed', state: 'completed' } as const;
  return {
    id,
    type,
    ...state,
    createdAt: AT,
    startedAt: AT,
    finishedAt: AT,
    parentId: 'a',
    relation: 'follow-up',
  };
}

describe('the waterfall of a job', () => {
  it('has the claim as a bar, from the begin of the attempt until it was stored', () => {
    const stages = stagesOf([
      { seq: 1, record: record({ updatedAt: later(50) }), storedAt: later(170) },
      { seq: 2, record: record({ status: 'completed', state: 'completed', updatedAt: later(900) }) },
    ]);
    const lanes = lanesOfJob(stages, []);
    expect(lanes.map(({ name }) => name)).toEqual(['In the queue', 'Claim', 'Runs', 'Ends']);
    const [bar] = lanes[1]?.bars ?? [];
    expect([bar?.from, bar?.to]).toEqual([Date.parse(later(50)), Date.parse(later(170))]);
    expect(bar?.words).toBe('claim of attempt 1 by w-1');
  });

  it('has no claim where none was written, and none that ends before it begins or after its attempt', () => {
    const ended = record({ status: 'completed', state: 'completed', updatedAt: later(60) });
    const short = lanesOfJob(stagesOf([{ seq: 1, record: ended, storedAt: later(61) }]), []);
    expect(short.map(({ key }) => key)).not.toContain('claim');
    const bars = [later(40), later(2_000)].map((storedAt) => {
      const stages = stagesOf([
        { seq: 1, record: record({ updatedAt: later(50) }), storedAt },
        { seq: 2, record: record({ status: 'completed', state: 'completed', updatedAt: later(60) }) },
      ]);
      const [bar] = lanesOfJob(stages, []).find(({ key }) => key === 'claim')?.bars ?? [];
      return (bar?.to ?? 0) - (bar?.from ?? 0);
    });
    expect(bars).toEqual([0, 10]);
  });

  it('has a lane for each job that came of it, up to a bound, by the end of its id', () => {
    const jobs = Array.from({ length: 50 }, (_, index) =>
      member(`a-${index}`, index === 1 ? 'send_webhook' : 'report'),
    );
    const { lanes, hidden } = lanesOfFollowing(jobs, 'a');
    expect(lanes).toHaveLength(40);
    expect(hidden).toBe(10);
    expect(lanes[1]).toMatchObject({ name: '1', about: 'a-1', to: '/webhooks/a-1' });
  });
});

it('the context of a machine is shown also where it leads in circles, or has actors in it', () => {
  const other: Record<string, unknown> = {};
  const circle = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`next${index}`, other]));
  Object.assign(other, circle);
  const actor = createActor(setup({}).createMachine({ id: 'own' }), { id: 'mine' });
  const shown = shownContext({ actor, at: new Date(0), password: 'x', error: new Error('no'), circle });
  expect(shown).toMatchObject({
    ...{ actor: { id: 'mine' }, at: '1970-01-01T00:00:00.000Z', password: '[masked]' },
    error: { message: 'no' },
  });
  expect(JSON.stringify(shown).length).toBeLessThan(1_000_000);
});

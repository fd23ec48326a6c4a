import { describe, expect, test } from 'vitest';
import { type ExpectedJob, type Plan, planFor } from '../../src/cli/demo-plan.js';
import { type Evidence, judge } from '../../src/cli/demo-verdict.js';
import type { LedgerAction } from '../../src/gpu/index.js';
import { type JobRecord, pendingRecord } from '../../src/jobs/job-record.js';
import { type JobState, statusOf } from '../../src/jobs/vocabulary.js';

const NOW = '2026-01-01T00:00:00.000Z';

function record(job: ExpectedJob, state: JobState): JobRecord {
  const { id, attempt = 1, errorCode, problems } = job;
  const request = { id, type: 'report', priority: 'normal' as const, payload: {}, createdAt: NOW };
  const found = problems && { problems: problems.map((path) => ({ path, message: 'wrong' })) };
  const error = errorCode && { error: { code: errorCode, message: 'wrong', retryable: false, ...found } };
  return { ...pendingRecord(request, 3), status: statusOf(state), state, attempt, ...error };
}

function entry(action: LedgerAction, name: string) {
  return { at: NOW, action, instanceId: `sim-${name}`, name };
}

const plan = planFor('seq-3');

/** Evidence of a run in which everything went by the plan. */
function flawless(): { [K in keyof Evidence]: Evidence[K][number][] } {
  const rented = plan.operations.filter(({ instanceStem }) => instanceStem !== undefined);
  return {
    history: plan.jobs.flatMap((job) =>
      (job.states ?? ['running', job.state]).map((state) => record(job, state)),
    ),
    webhooks: [
      ...plan.operations.map(({ id, webhook: status }) => ({
        id: `${id}-wh`,
        jobId: id,
        status,
        verified: true,
      })),
      ...plan.webhooks.map((id) => ({ id, verified: true })),
    ],
    ledger: rented.flatMap(({ instanceStem = '', deleted }) => [
      entry('create', instanceStem),
      ...(deleted ? [entry('delete', instanceStem)] : []),
    ]),
    live: rented.filter(({ deleted }) => !deleted).map(({ instanceStem = '' }) => instanceStem),
  };
}

function failuresOf(evidence: Evidence, of: Plan = plan): string[] {
  const { ok, rows } = judge(of, evidence);
  const failed = rows.filter((row) => !row.ok).map(({ what, got }) => `${what}: ${got}`);
  expect(ok).toBe(failed.length === 0);
  return failed;
}

const nameOf = (id: string) => plan.operations.find((operation) => operation.id === id)?.instanceStem ?? '';

describe('the verdict of the demo', () => {
  test('passes a run in which everything went by the plan', () => {
    expect(failuresOf(flawless())).toEqual([]);
  });

  test('a run of which nothing is known passes nothing', () => {
    const { rows } = judge(plan, { history: [], webhooks: [], ledger: [], live: [] });
    expect(rows.some(({ ok }) => ok)).toBe(false);
  });

  test('misses a webhook that never came', () => {
    const evidence = flawless();
    evidence.webhooks = evidence.webhooks.filter(({ jobId }) => jobId !== 'train');
    expect(failuresOf(evidence)).toEqual(['webhook of train: none', 'all webhooks: 8 received']);
  });

  test('notices a second terminal webhook of one operation, from either of its jobs', () => {
    const evidence = flawless();
    evidence.webhooks.push({ id: 'again', jobId: 'train-monitor', status: 'failed', verified: true });
    expect(failuresOf(evidence)[0]).toBe('webhook of train: 2 × running and failed, signed');
  });

  test('notices a webhook whose signature does not fit, or that nobody expected', () => {
    const evidence = flawless();
    evidence.webhooks = evidence.webhooks.map((each) => ({ ...each, verified: each.jobId !== 'stuck' }));
    evidence.webhooks.push({ id: 'stray', verified: true });
    expect(failuresOf(evidence)).toEqual([
      'webhook of stuck: 1 × timeout, NOT signed',
      'all webhooks: 10 received',
    ]);
  });

  test('notices an instance that was rented twice, and one that belongs to no job', () => {
    const evidence = flawless();
    evidence.ledger.push(entry('create', nameOf('notebook')), entry('create', 'jetfleet-stray'));
    expect(failuresOf(evidence)).toEqual([
      'instance of notebook: rented 2 ×, runs',
      'all instances: 8 rented',
    ]);
  });

  test('notices a stuck instance that still costs money', () => {
    const evidence = flawless();
    evidence.ledger = evidence.ledger.filter(({ action }) => action !== 'delete');
    evidence.live.push(nameOf('stuck'));
    expect(failuresOf(evidence)).toEqual(['instance of stuck: rented 1 ×, runs']);
  });

  test('notices a job that ended otherwise, twice, or went on after its end', () => {
    const evidence = flawless();
    const job = (id: string) => ({ ...plan.jobs.find((each) => each.id === id), id }) as ExpectedJob;
    evidence.history.push(record(job('late'), 'exhausted'), record(job('train'), 'running'));
    expect(failuresOf(evidence)).toEqual([
      'job train: processing·running',
      'job late: failed·exhausted',
      'history of all jobs: 23 ended once',
    ]);
  });

  test('notices an attempt too few, another error, and a problem at another path', () => {
    const evidence = flawless();
    evidence.history = evidence.history.map((each) => {
      if (each.id === 'report') return { ...each, attempt: 2 };
      if (each.id === 'gone') return { ...each, error: { code: 'OTHER', message: '', retryable: false } };
      if (each.id !== 'broken' || !each.error) return each;
      return { ...each, error: { ...each.error, problems: [{ path: 'name', message: 'wrong' }] } };
    });
    expect(failuresOf(evidence)).toEqual([
      'job broken: failed·rejected JETFLEET_PAYLOAD_INVALID at name',
      'job gone: failed·rejected OTHER',
      'job report: completed in attempt 2',
    ]);
  });

  test('notices a retry that is missing from the history', () => {
    const evidence = flawless();
    const first = evidence.history.findIndex(({ id, state }) => id === 'report' && state === 'retrying');
    evidence.history.splice(first, 1);
    expect(failuresOf(evidence)).toEqual([
      'history of report: running → running → retrying → running → completed',
    ]);
  });
});

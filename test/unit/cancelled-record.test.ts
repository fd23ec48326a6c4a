import { describe, expect, it } from 'vitest';
import { jobMachine, nextJobState, resolveJobState } from '../../machines/index.js';
import { JobQueueService, type JobRecord, type JobState } from '../../src/index.js';
import { statusOf } from '../../src/jobs/vocabulary.js';
import { cancelledRecord } from '../../src/queue/job-cancel.js';

const { known } = new JobQueueService();
const NOW = Date.parse('2026-01-02T00:00:00.000Z');

function recordIn(state: JobState, more: Partial<JobRecord> = {}): JobRecord {
  const at = '2026-01-01T00:00:00.000Z';
  return {
    v: 1,
    id: 'order-1',
    type: 'task',
    priority: 'high',
    status: statusOf(state),
    state,
    payload: {},
    attempt: 2,
    maxAttempts: 3,
    createdAt: at,
    updatedAt: at,
    nextRunAt: at,
    machine: { id: 'job', version: 1 },
    ...more,
  };
}

const order = { instanceId: 'i', novitaInstanceId: 'p-1', startTime: '2026-01-01T00:00:00Z', maxWaitTime: 1 };

describe('the record of a cancelled job', () => {
  // The queue cancels without running the chart, so both must say the same.
  it.each(['queued', 'scheduled', 'retrying', 'running', 'waiting'] as const)(
    'is where the chart leads from %s',
    (state) => {
      const input = { jobId: 'order-1', type: 'task', payload: {}, attempt: 2, maxAttempts: 3 };
      const error = { code: 'JETFLEET_CANCELLED', message: 'x', retryable: false };
      const next = nextJobState(jobMachine, resolveJobState(state, input), { type: 'CANCEL', error });
      const record = cancelledRecord(known, recordIn(state), undefined, NOW);
      expect(next).toMatchObject({
        accepted: true,
        state: record.state,
        context: { attempt: record.attempt },
      });
      expect(record).toMatchObject({ status: 'failed', finishedAt: '2026-01-02T00:00:00.000Z' });
      expect(record.nextRunAt).toBeUndefined();
    },
  );

  it('has the instance deleted that a create may have rented, and none that was never asked for', () => {
    const create = { type: 'create_instance', payload: { instanceId: 'i' } };
    const asked = recordIn('running', { ...create, checkpoint: { instanceName: 'jetfleet-x' } });
    expect(cancelledRecord(known, asked, undefined, NOW).next).toMatchObject([
      { type: 'delete_instance', id: 'order-1-delete', payload: { instanceName: 'jetfleet-x' } },
    ]);
    expect(cancelledRecord(known, recordIn('queued', create), undefined, NOW).next).toBeUndefined();
  });

  it('has a watched instance deleted, also one that would be kept after a timeout', () => {
    const monitor = recordIn('waiting', {
      type: 'monitor_instance',
      payload: { ...order, onTimeout: 'keep' },
    });
    expect(cancelledRecord(known, monitor, undefined, NOW).next).toMatchObject([
      { type: 'delete_instance', payload: { novitaInstanceId: 'p-1' } },
    ]);
  });

  it('gives what follows another id in each life of the job', () => {
    const create = { type: 'create_instance', payload: {}, checkpoint: { instanceName: 'jetfleet-x' } };
    const second = recordIn('running', { ...create, redrives: 1 });
    expect(cancelledRecord(known, second, undefined, NOW).next?.[0]?.id).toBe('order-1-delete-2');
  });
});

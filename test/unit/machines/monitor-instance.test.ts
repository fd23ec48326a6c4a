import { describe, expect, it } from 'vitest';
import type { InstanceCheck } from '../../../machines/index.js';
import type { MonitorInstancePayload } from '../../../src/jobs/payloads.js';
import {
  auth,
  deleting,
  type Fakes,
  fail,
  failed,
  inputAt,
  iso,
  MAX_WAIT,
  notDeleted,
  notFound,
  type Payload,
  provisioning,
  ready,
  run,
  timedOut,
  transient,
} from './monitor-instance-fixture.js';

describe('while there is time', () => {
  it('completes when the instance runs and is healthy, even past the deadline', async () => {
    for (const ms of [42_000, MAX_WAIT + 5_000]) {
      const { outcome, calls } = await run(inputAt(ms), { check: () => ready });
      expect(outcome).toEqual({
        kind: 'completed',
        result: { novitaInstanceId: 'n-1', status: 'running', elapsedTime: ms },
      });
      expect(calls).toEqual([ms > MAX_WAIT ? 'last look' : 'check']);
    }
  });

  it.each<[string, InstanceCheck]>([
    ['provisioning', provisioning],
    ['running but unhealthy', { status: 'running', healthy: false }],
    ['stopped', { status: 'stopped', healthy: false }],
    ['of an unknown status', { status: 'unknown', healthy: false }],
  ])('hibernates until the next poll when it is %s', async (_, check) => {
    const { outcome } = await run(inputAt(1_000), { check: () => check });
    expect(outcome).toEqual({ kind: 'snoozed', delayMs: 10_000 });
  });

  it.each([
    [MAX_WAIT - 4_000, 4_050],
    [MAX_WAIT - 10, 100],
    [MAX_WAIT, 100],
  ])('wakes up soon after the deadline: at %i ms it sleeps %i ms', async (ms, delayMs) => {
    expect((await run(inputAt(ms), {})).outcome).toEqual({ kind: 'snoozed', delayMs });
  });

  it.each<[string, InstanceCheck, string]>([
    ['unknown to the provider', null, 'JETFLEET_INSTANCE_VANISHED'],
    ['terminated', { status: 'terminated', healthy: false }, 'JETFLEET_INSTANCE_VANISHED'],
    ['failed', { status: 'failed', healthy: false, reason: 'image not found' }, 'JETFLEET_INSTANCE_FAILED'],
    ['preempted', { status: 'preempted', healthy: false, reason: 'outbid' }, 'JETFLEET_INSTANCE_FAILED'],
  ])('fails at once when the instance is %s', async (_, check, code) => {
    const { outcome } = await run(inputAt(1_000), { check: () => check });
    expect(outcome).toMatchObject(failed(code));
    expect(outcome).not.toHaveProperty('timedOut');
    if (check?.reason) expect(JSON.stringify(outcome)).toContain(check.reason);
  });

  it('does not take a provider that is out of reach for a failed instance', async () => {
    const { outcome } = await run(inputAt(1_000), { check: fail(transient()) });
    expect(outcome).toEqual({ kind: 'snoozed', delayMs: 10_000 });
    const asked = await run(inputAt(1_000), { check: fail(transient(25_000)) });
    expect(asked.outcome).toEqual({ kind: 'snoozed', delayMs: 25_000 });
  });

  it('does not let Retry-After carry it past the grace', async () => {
    const { outcome } = await run(inputAt(MAX_WAIT), { check: fail(transient(86_400_000)) });
    expect(outcome).toEqual({ kind: 'snoozed', delayMs: 60_050 });
  });

  it('fails with an error that no poll will mend', async () => {
    const { outcome } = await run(inputAt(1_000), { check: fail(auth()) });
    expect(outcome).toMatchObject(failed('JETFLEET_PROVIDER_AUTH'));
  });

  it('leaves an instance alone whose start time cannot be read', async () => {
    const { outcome, calls } = await run(inputAt(MAX_WAIT * 9, { startTime: 'soon' }), {});
    expect(outcome).toMatchObject({ kind: 'snoozed' });
    expect(calls).toEqual(['check']);
  });
});

describe('when the waiting time is over', () => {
  const late = MAX_WAIT + 1;

  it('deletes the instance and looks whether it is gone', async () => {
    let gone = false;
    const check = () => (gone ? null : provisioning);
    const remove = () => {
      gone = true;
    };
    const { outcome, calls } = await run(inputAt(late), { check, remove });
    expect(calls).toEqual(['last look', 'delete', 'last look']);
    expect(outcome).toMatchObject(timedOut);
    expect(outcome).toMatchObject({
      error: { message: expect.stringMatching(/600000 ms.*provisioning.*deleted/) },
    });
  });

  it.each<[MonitorInstancePayload['onTimeout'], string[], string]>([
    ['stop', ['last look', 'stop'], 'it was stopped'],
    ['keep', ['last look'], 'it was left alone'],
  ])('with onTimeout %s does %j', async (onTimeout, wanted, done) => {
    const { outcome, calls } = await run(inputAt(late, { onTimeout }), {});
    expect(calls).toEqual(wanted);
    expect(outcome).toMatchObject(timedOut);
    expect(JSON.stringify(outcome)).toContain(done);
  });

  it('looks again while the instance is still there, and repeats the delete', async () => {
    const first = await run(inputAt(late), {});
    expect(first.outcome).toEqual({ kind: 'snoozed', delayMs: 2_000, checkpoint: deleting(late) });
    const checkpoint = first.outcome.kind === 'snoozed' ? first.outcome.checkpoint : undefined;
    const second = await run(inputAt(late + 2_000, {}, checkpoint), { check: () => null });
    expect(second.calls).toEqual(['delete', 'last look']);
    expect(second.outcome).toMatchObject(timedOut);
    expect(JSON.stringify(second.outcome)).toContain('last status: provisioning');
  });

  it('reports an instance that outlives the grace', async () => {
    const during = await run(inputAt(late + 1_200_000, {}, deleting(late)), {});
    expect(during.outcome).toMatchObject({ kind: 'snoozed' });
    const after = await run(inputAt(late + 1_200_001, {}, deleting(late)), {});
    expect(after.outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(after.outcome)).toMatch(/n-1.*may still cost money.*provisioning/);
  });

  it('gives a delete its grace even when the queue was down for a day', async () => {
    const { outcome } = await run(inputAt(86_400_000), {});
    expect(outcome).toMatchObject({
      kind: 'snoozed',
      checkpoint: { phase: 'deleting', since: iso(86_400_000) },
    });
  });

  it('keeps trying to delete through transient errors, but not past the grace', async () => {
    const fakes = { remove: fail(transient(7_000)) };
    const { outcome } = await run(inputAt(late), fakes);
    expect(outcome).toEqual({ kind: 'snoozed', delayMs: 7_000, checkpoint: deleting(late) });
    const after = await run(inputAt(late + 1_200_001, {}, deleting(late)), fakes);
    expect(after.outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(after.outcome)).toContain('answered 502');
  });

  it.each<[string, Payload, Fakes]>([
    ['delete', {}, { remove: fail(auth()) }],
    ['stop', { onTimeout: 'stop' }, { stop: fail(auth()) }],
  ])('reports a %s that is refused, with the cause', async (_, more, fakes) => {
    const { outcome } = await run(inputAt(late, more), fakes);
    expect(outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(outcome)).toContain('bad key');
  });

  it.each<[string, Payload, Fakes]>([
    ['delete', {}, { remove: fail(notFound()) }],
    ['stop', { onTimeout: 'stop' }, { stop: fail(notFound()) }],
  ])('takes "not found" on %s for gone', async (_, more, fakes) => {
    expect((await run(inputAt(late, more), fakes)).outcome).toMatchObject(timedOut);
  });

  it('goes on with a stop that an earlier run began', async () => {
    const first = await run(inputAt(late, { onTimeout: 'stop' }), { stop: fail(transient()) });
    expect(first.outcome).toMatchObject({ kind: 'snoozed', checkpoint: { phase: 'stopping' } });
    const checkpoint = first.outcome.kind === 'snoozed' ? first.outcome.checkpoint : undefined;
    const second = await run(inputAt(late + 2_000, { onTimeout: 'stop' }, checkpoint), {});
    expect(second.calls).toEqual(['stop']);
    expect(second.outcome).toMatchObject(timedOut);
  });

  it('deletes unseen once the provider was out of reach for too long', async () => {
    let checks = 0;
    const check = () => (checks++ === 0 ? fail(transient())() : null);
    const within = await run(inputAt(MAX_WAIT + 60_000), { check: fail(transient()) });
    expect(within.outcome).toMatchObject({ kind: 'snoozed' });
    expect(within.calls).toEqual(['last look']);
    const { outcome, calls } = await run(inputAt(MAX_WAIT + 60_001), { check });
    expect(calls).toEqual(['last look', 'delete', 'last look']);
    expect(outcome).toMatchObject(timedOut);
  });
});

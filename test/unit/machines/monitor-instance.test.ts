import { describe, expect, it } from 'vitest';
import type { InstanceCheck } from '../../../machines/index.js';
import type { MonitorInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import type { JobOutcome } from '../../../src/jobs/outcome.js';
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
  notOurs,
  type Payload,
  provisioning,
  ready,
  run,
  runs,
  seenLate,
  timedOut,
  transient,
} from './monitor-instance-fixture.js';

describe('while there is time', () => {
  it('is followed by a watch where its payload has one', async () => {
    const watch = { maxIntervalMs: 60_000, createJobId: 'order-42' };
    const { outcome } = await run(inputAt(1_000, { watch }), { check: () => ready });
    const payload = { instanceId: 'i-1', novitaInstanceId: 'n-1', ...watch };
    expect(outcome).toMatchObject({ next: [{ type: 'watch_instance', idSuffix: 'watch', payload }] });
  });

  it('completes when the instance runs and is healthy, even past the deadline', async () => {
    for (const ms of [42_000, MAX_WAIT + 5_000]) {
      const { outcome, calls } = await run(inputAt(ms), { check: () => ready });
      expect(outcome).toEqual({
        kind: 'completed',
        result: { novitaInstanceId: 'n-1', status: 'running', elapsedTime: ms },
        checkpoint: { lastStatus: 'running', proven: { is: 'running', since: iso(ms) } },
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

  const broken: InstanceCheck = { status: 'failed', healthy: false, reason: 'image not found' };
  const preempted: InstanceCheck = { status: 'preempted', healthy: false, reason: 'outbid' };

  it.each<[string, InstanceCheck]>([
    ['failed', broken],
    ['preempted', preempted],
  ])('fails once a second read after the settling time has shown it %s', async (_, check) => {
    const { outcomes, calls } = await runs([1_000, 2_999, 3_000], { check: () => check });
    expect(outcomes.slice(0, 2)).toEqual(
      [1, 2].map((reads) => ({
        kind: 'snoozed',
        delayMs: 2_000,
        checkpoint: { lastStatus: check?.status, broken: { since: iso(1_000), reads } },
      })),
    );
    expect(outcomes[2]).toMatchObject(failed('JETFLEET_INSTANCE_FAILED'));
    expect(outcomes[2]).not.toHaveProperty('timedOut');
    expect(JSON.stringify(outcomes[2])).toContain(check?.reason);
    expect(calls).toEqual(['check', 'last look', 'last look']);
  });

  it.each<[string, InstanceCheck, JobOutcome['kind']]>([
    ['provisioning', provisioning, 'snoozed'],
    ['running', ready, 'completed'],
    ['stopped', { status: 'stopped', healthy: false }, 'snoozed'],
    ['unknown to the provider', null, 'snoozed'],
  ])('forgets one answer that it has failed when the next one shows it %s', async (_, next, kind) => {
    const seen: InstanceCheck[] = [broken, next, preempted];
    const times = kind === 'completed' ? [0, 2_000] : [0, 2_000, 9_000];
    const { outcomes } = await runs(times, { check: () => seen.shift() ?? null });
    expect(outcomes[1]).toMatchObject({ kind });
    if (kind === 'completed') return;
    expect(outcomes[1]).not.toHaveProperty('checkpoint.broken');
    expect(outcomes[2]).toMatchObject({
      kind: 'snoozed',
      checkpoint: { broken: { since: iso(9_000), reads: 1 } },
    });
  });

  it('keeps an answer that it has failed through a read that fails, and past the deadline', async () => {
    const seen = [() => broken, fail(transient()), () => broken];
    const { outcomes, calls } = await runs([MAX_WAIT + 1, MAX_WAIT + 2_001, MAX_WAIT + 4_001], {
      check: () => (seen.shift() ?? (() => null))(),
    });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['snoozed', 'snoozed', 'failed']);
    expect(outcomes[2]).toMatchObject(failed('JETFLEET_INSTANCE_FAILED'));
    expect(calls).toEqual(['last look', 'last look', 'last look']);
  });

  it.each<[string, InstanceCheck]>([
    ['unknown to the provider', null],
    ['terminated', { status: 'terminated', healthy: false }],
  ])('fails once three reads over the settling time have shown it %s', async (_, check) => {
    const { outcomes, calls } = await runs([1_000, 6_000, 10_999, 11_000], { check: () => check });
    expect(outcomes.slice(0, 3)).toEqual(
      [1, 2, 3].map((reads) => ({
        kind: 'snoozed',
        delayMs: 2_000,
        checkpoint: { lastStatus: 'unknown', absent: { since: iso(1_000), reads } },
      })),
    );
    expect(outcomes[3]).toMatchObject(failed('JETFLEET_INSTANCE_VANISHED'));
    expect(outcomes[3]).not.toHaveProperty('timedOut');
    expect(calls).toEqual(['check', 'last look', 'last look', 'last look']);
  });

  it('has timed out where it was late before it went: a worker that died may have deleted it', async () => {
    const seen: InstanceCheck[] = [provisioning, null, null, null];
    const times = [1, 2_000, 7_000, 12_000].map((ms) => MAX_WAIT + ms);
    // The second run would have deleted it, and is answered by the third one's read instead.
    const { outcomes } = await runs(times, { check: () => seen.shift() ?? null });
    expect(outcomes[3]).toMatchObject({ ...failed('JETFLEET_INSTANCE_TIMEOUT'), timedOut: true });
  });

  it('has vanished where it went before its waiting time was over', async () => {
    const times = [-1_000, 4_000, 9_500].map((ms) => MAX_WAIT + ms);
    const { outcomes } = await runs(times, { check: () => null });
    expect(outcomes[2]).toMatchObject(failed('JETFLEET_INSTANCE_VANISHED'));
  });

  it('needs three reads, however far apart two are', async () => {
    const { outcomes } = await runs([1_000, 100_000], { check: () => null });
    expect(outcomes[1]).toMatchObject({ kind: 'snoozed' });
  });

  it('forgets an absence when the instance shows, and counts from the start again', async () => {
    const seen: InstanceCheck[] = [null, null, provisioning, null, null];
    const { outcomes } = await runs([0, 9_000, 10_000, 20_000, 31_000], {
      check: () => seen.shift() ?? null,
    });
    expect(outcomes[2]).toEqual({
      kind: 'snoozed',
      delayMs: 10_000,
      checkpoint: { lastStatus: 'provisioning' },
    });
    expect(outcomes[4]).toMatchObject({
      kind: 'snoozed',
      checkpoint: { absent: { since: iso(20_000), reads: 2 } },
    });
  });

  it('keeps an absence through a read that fails, and does not count it', async () => {
    const seen = [() => null, fail(transient()), () => null, fail(auth()), () => null];
    const { outcomes } = await runs([0, 5_000, 10_000, 15_000, 20_000], {
      check: () => (seen.shift() ?? (() => null))(),
    });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['snoozed', 'snoozed', 'snoozed', 'snoozed', 'failed']);
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

  it.each([
    ['auth', auth()],
    ['not found', notFound()],
    ['validation', new JetfleetError('JETFLEET_PROVIDER_VALIDATION', 'answered 400')],
  ])('polls on after a read that is refused: %s', async (_, error) => {
    const { outcome, calls } = await run(inputAt(1_000), { check: fail(error) });
    expect(outcome).toEqual({ kind: 'snoozed', delayMs: 10_000 });
    expect(calls).toEqual(['check']);
  });

  it('leaves an instance alone whose start time cannot be read', async () => {
    const { outcome, calls } = await run(inputAt(MAX_WAIT * 9, { startTime: 'soon' }), {});
    expect(outcome).toMatchObject({ kind: 'snoozed' });
    expect(calls).toEqual(['check']);
  });
});

describe('when the waiting time is over', () => {
  // When the second read past the deadline may confirm the first.
  const late = MAX_WAIT + 2_001;

  it.each(['delete', 'stop', 'keep'] as const)(
    'with onTimeout %s does nothing before a second read agrees',
    async (onTimeout) => {
      const first = MAX_WAIT + 1;
      const { outcomes, calls } = await runs([first, late - 1], {}, { onTimeout });
      expect(outcomes).toEqual(
        [1, 2].map((reads) => ({
          kind: 'snoozed',
          delayMs: 2_000,
          checkpoint: { lastStatus: 'provisioning', late: { since: iso(first), reads } },
        })),
      );
      expect(calls).toEqual(['last look', 'last look']);
    },
  );

  it('completes when the second read shows that the first was old', async () => {
    const seen = [provisioning, ready];
    const { outcomes, calls } = await runs([MAX_WAIT + 1, late], { check: () => seen.shift() ?? null });
    expect(outcomes[1]).toMatchObject({ kind: 'completed', result: { status: 'running' } });
    expect(calls).toEqual(['last look', 'last look']);
  });

  it('counts every answer past the deadline that is not ready, whatever else it says', async () => {
    const seen = [null, { status: 'failed', healthy: false }, provisioning];
    const { outcomes, calls } = await runs([late, late + 2_000, late + 4_000], {
      check: () => seen.shift() ?? provisioning,
    });
    expect(outcomes.map(({ kind }) => kind)).toEqual(['snoozed', 'snoozed', 'snoozed']);
    expect(calls).toEqual(['last look', 'last look', 'last look', 'delete', 'last look']);
  });

  it('deletes the instance, and ends when it is proven gone', async () => {
    let gone = false;
    const fakes = {
      check: () => (gone ? null : provisioning),
      remove: () => {
        gone = true;
      },
    };
    const { outcomes, calls } = await runs([late, late + 2_000, late + 10_000], fakes, {}, seenLate);
    expect(calls.slice(0, 3)).toEqual(['last look', 'delete', 'last look']);
    expect(outcomes.slice(0, 2)).toMatchObject([{ kind: 'snoozed', delayMs: 2_000 }, { kind: 'snoozed' }]);
    expect(outcomes[2]).toMatchObject(timedOut);
    expect(outcomes[2]).toMatchObject({
      error: { message: expect.stringMatching(/600000 ms.*provisioning.*deleted/) },
    });
  });

  it.each<[MonitorInstancePayload['onTimeout'], string[], string]>([
    ['stop', ['last look', 'stop', 'last look'], 'it was stopped'],
    ['keep', ['last look'], 'it was left alone'],
  ])('with onTimeout %s does %j', async (onTimeout, wanted, done) => {
    const seen: InstanceCheck[] = [provisioning, { status: 'stopping', healthy: false }];
    const { outcome, calls } = await run(inputAt(late, { onTimeout }, seenLate), {
      check: () => seen.shift() ?? null,
    });
    expect(calls).toEqual(wanted);
    expect(outcome).toMatchObject(timedOut);
    expect(JSON.stringify(outcome)).toContain(done);
  });

  describe('with a time for the offer', () => {
    const nextOffer: MonitorInstancePayload['nextOffer'] = {
      ...{ instanceId: 'i-1', name: 'trainer', productName: 'RTX 4090', templateId: 't-1' },
      ...{ gpuNum: 1, rootfsSize: 60, region: 'CN-HK-01', avoid: ['/CN-HK-01/p1/spot'] },
    };
    const offer = { offerTimeoutMs: 60_000, nextOffer };
    const late = { lastStatus: 'provisioning', late: { since: iso(60_001), reads: 1 } };
    const deletingUntilGone = (from: number, more: Payload = {}) => {
      let gone = false;
      const remove = () => {
        gone = true;
      };
      const fakes = { check: () => (gone ? null : provisioning), remove };
      return runs([from, from + 2_000, from + 10_000], fakes, { ...offer, ...more }, late);
    };

    it('deletes the instance, and has the next create follow once it is proven gone', async () => {
      const { outcomes } = await deletingUntilGone(62_001);
      expect(outcomes.map(({ kind }) => kind)).toEqual(['snoozed', 'snoozed', 'completed']);
      expect(outcomes[2]).toMatchObject({
        result: { novitaInstanceId: 'n-1', status: 'replaced' },
        next: [
          {
            type: 'create_instance',
            idSuffix: 'next',
            payload: { ...nextOffer, maxWaitTime: MAX_WAIT - 72_001 },
          },
        ],
      });
    });

    it('keeps to the deadline of the chain, and gives the next create the options of the first', async () => {
      const nextOptions = { maxAttempts: 7, timeoutMs: 90_000, tags: ['tenant:acme'] };
      const inTime = { nextOptions, nextOffer: { ...nextOffer, deadline: iso(80_000) } };
      const { outcomes } = await deletingUntilGone(62_001, inTime);
      const [next] = (outcomes[2] as { next: object[] }).next;
      expect(next).toMatchObject({ ...nextOptions, payload: { deadline: iso(80_000), maxWaitTime: 7_999 } });
      const over = { nextOffer: { ...nextOffer, deadline: iso(72_500) } };
      expect((await deletingUntilGone(62_001, over)).outcomes[2]).toMatchObject(timedOut);
    });

    it('times out where no time is left for another offer', async () => {
      const { outcomes } = await deletingUntilGone(62_001, { maxWaitTime: 72_500 });
      expect(outcomes[2]).toMatchObject(timedOut);
    });

    it('has nothing follow where the instance is not shown to be gone', async () => {
      const { outcome } = await run(inputAt(1_300_000, offer, deleting(60_001)), {});
      expect(outcome).toMatchObject(notDeleted);
    });
  });

  it('looks again while the instance is still there, and repeats the delete', async () => {
    const first = await run(inputAt(late, {}, seenLate), {});
    expect(first.outcome).toEqual({ kind: 'snoozed', delayMs: 2_000, checkpoint: deleting(late) });
    const checkpoint = first.outcome.kind === 'snoozed' ? first.outcome.checkpoint : undefined;
    const second = await run(inputAt(late + 2_000, {}, checkpoint), {});
    expect(second.calls).toEqual(['delete', 'last look']);
    expect(second.outcome).toEqual({ kind: 'snoozed', delayMs: 2_000, checkpoint: deleting(late) });
  });

  it('reports an instance that outlives the grace', async () => {
    const during = await run(inputAt(late + 1_200_000, {}, deleting(late)), {});
    expect(during.outcome).toMatchObject({ kind: 'snoozed' });
    const after = await run(inputAt(late + 1_200_001, {}, deleting(late)), {});
    expect(after.outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(after.outcome)).toMatch(/n-1.*may still cost money.*provisioning/);
  });

  it('gives a delete its grace even when the queue was down for a day', async () => {
    const { outcome } = await run(inputAt(86_400_000, {}, seenLate), {});
    expect(outcome).toMatchObject({
      kind: 'snoozed',
      checkpoint: { phase: 'deleting', since: iso(86_400_000) },
    });
  });

  it('keeps trying to delete through transient errors, but not past the grace', async () => {
    const fakes = { remove: fail(transient(7_000)) };
    const { outcome } = await run(inputAt(late, {}, seenLate), fakes);
    expect(outcome).toEqual({ kind: 'snoozed', delayMs: 7_000, checkpoint: deleting(late) });
    const after = await run(inputAt(late + 1_200_001, {}, deleting(late)), fakes);
    expect(after.outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(after.outcome)).toContain('answered 502');
  });

  it.each([auth(), notFound(), new JetfleetError('JETFLEET_PROVIDER_CONFLICT', 'bad state')])(
    'repeats a delete that is refused with $code, and reports the cause when the grace is over',
    async (error) => {
      const fakes = { remove: fail(error) };
      const { outcome } = await run(inputAt(late, {}, seenLate), fakes);
      expect(outcome).toEqual({ kind: 'snoozed', delayMs: 2_000, checkpoint: deleting(late) });
      const after = await run(inputAt(late + 1_200_001, {}, deleting(late)), fakes);
      expect(after.outcome).toMatchObject(notDeleted);
      expect(JSON.stringify(after.outcome)).toContain(error.message);
    },
  );

  it.each<[string, InstanceCheck, unknown]>([
    ['stopped', { status: 'stopped', healthy: false }, timedOut],
    ['still there', provisioning, { kind: 'snoozed', delayMs: 2_000 }],
    ['unknown to the provider', null, { kind: 'snoozed', delayMs: 2_000 }],
  ])('a stop that is refused ends by what is read: %s', async (_, check, wanted) => {
    const seen: InstanceCheck[] = [provisioning, check];
    const fakes = { stop: fail(notFound()), check: () => seen.shift() ?? null };
    const { outcome, calls } = await run(inputAt(late, { onTimeout: 'stop' }, seenLate), fakes);
    expect(calls).toEqual(['last look', 'stop', 'last look']);
    expect(outcome).toMatchObject(wanted as object);
  });

  it('reports a stop that never shows', async () => {
    const stopping = { phase: 'stopping', since: iso(late), lastStatus: 'provisioning' };
    const { outcome } = await run(inputAt(late + 1_200_001, { onTimeout: 'stop' }, stopping), {});
    expect(outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(outcome)).toContain('could not be stopped');
  });

  it.each<[string, Payload, Fakes]>([
    ['delete', {}, { remove: fail(notOurs()) }],
    ['stop', { onTimeout: 'stop' }, { stop: fail(notOurs()) }],
  ])('fails at once when the %s is refused because the instance is not ours', async (_, more, fakes) => {
    const { outcome } = await run(inputAt(late, more, seenLate), fakes);
    expect(outcome).toMatchObject(failed('JETFLEET_INSTANCE_NOT_OURS'));
    expect(outcome).not.toHaveProperty('timedOut');
  });

  it('goes on with a stop that an earlier run began', async () => {
    const first = await run(inputAt(late, { onTimeout: 'stop' }, seenLate), { stop: fail(transient()) });
    expect(first.outcome).toMatchObject({ kind: 'snoozed', checkpoint: { phase: 'stopping' } });
    const checkpoint = first.outcome.kind === 'snoozed' ? first.outcome.checkpoint : undefined;
    const second = await run(inputAt(late + 2_000, { onTimeout: 'stop' }, checkpoint), {
      check: () => ({ status: 'stopped', healthy: false }),
    });
    expect(second.calls).toEqual(['stop', 'last look']);
    expect(second.outcome).toMatchObject(timedOut);
  });

  it('removes nothing unseen: it reads on until a read shows the instance', async () => {
    for (const ms of [MAX_WAIT + 60_001, MAX_WAIT + 1_200_000]) {
      const { outcome, calls } = await run(inputAt(ms), { check: fail(transient()) });
      expect(outcome).toMatchObject({ kind: 'snoozed' });
      expect(calls).toEqual(['last look']);
    }
    const back = await run(inputAt(MAX_WAIT + 1_200_001), { check: () => ready });
    expect(back.outcome).toMatchObject({ kind: 'completed' });
  });

  it('gives up an instance that stays unreadable, and says that it may cost money', async () => {
    const { outcome, calls } = await run(inputAt(MAX_WAIT + 1_200_001), { check: fail(auth()) });
    expect(calls).toEqual(['last look']);
    expect(outcome).toMatchObject(notDeleted);
    expect(JSON.stringify(outcome)).toMatch(/could not be read and may still cost money: bad key/);
  });

  it('leaves one alone that stays unreadable, where the job says so', async () => {
    const { outcome } = await run(inputAt(MAX_WAIT + 60_001, { onTimeout: 'keep' }), {
      check: fail(transient()),
    });
    expect(outcome).toMatchObject(timedOut);
    expect(JSON.stringify(outcome)).toContain('left alone');
  });
});

import { describe, expect, it } from 'vitest';
import { createActor, SimulatedClock, waitFor } from 'xstate';
import type { Offer } from '../../../machines/index.js';
import { monitorInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import { toJobError } from '../../../src/jobs/job-error.js';
import {
  ambiguous,
  capacity,
  comesLater,
  type Fakes,
  fail,
  input,
  intent,
  OFFERS,
  payload,
  refused,
  run,
  start,
  times,
} from './create-instance-fixture.js';

describe('renting an instance', () => {
  it('records the intent, looks the name up, and only then creates', async () => {
    const { outcome, calls } = await run({});
    expect(calls).toEqual(['offers', 'intent', 'find', 'create p1']);
    expect(outcome).toEqual({
      kind: 'completed',
      result: { novitaInstanceId: 'new-1', region: 'CN-HK-01', productId: 'p1', adopted: false },
      next: [
        {
          type: 'monitor_instance',
          idSuffix: 'monitor',
          payload: {
            instanceId: 'i-1',
            novitaInstanceId: 'new-1',
            startTime: input.now,
            maxWaitTime: 5_000,
            webhookUrl: 'https://e.test/hook',
            onTimeout: 'stop',
          },
        },
      ],
    });
    const next = outcome.kind === 'completed' ? outcome.next : undefined;
    expect(() => monitorInstancePayload.parse(next?.[0]?.payload)).not.toThrow();
  });

  it("prefers the payload's own webhook, and leaves out what was not given", async () => {
    const { maxWaitTime: _, onTimeout: __, ...bare } = payload;
    const { outcome } = await run({}, { payload: { ...bare, webhookUrl: 'https://own.test/' } });
    expect(outcome).toMatchObject({ next: [{ payload: { webhookUrl: 'https://own.test/' } }] });
    const next = outcome.kind === 'completed' ? outcome.next : undefined;
    expect(Object.keys(next?.[0]?.payload as object).sort()).toEqual(
      ['instanceId', 'novitaInstanceId', 'startTime', 'webhookUrl'].sort(),
    );
  });

  it('is followed by its lease, and its monitor takes the watch along', async () => {
    const watch = { on: { deleted: 'replace' as const } };
    const { outcome } = await run({}, { payload: { ...payload, watch, lease: { ms: 60_000 } } });
    const ids = { instanceId: 'i-1', novitaInstanceId: 'new-1' };
    expect(outcome).toMatchObject({
      next: [
        { type: 'monitor_instance', payload: { ...ids, watch: { ...watch, createJobId: input.jobId } } },
        { type: 'keep_lease', idSuffix: 'lease', payload: { ...ids, leaseMs: 60_000 } },
      ],
    });
  });

  it('takes the next offer when one has no capacity', async () => {
    const create = (offer: Offer) => (offer.productId === 'p1' ? fail(capacity())() : 'new-2');
    const { outcome, calls } = await run({ create });
    expect(calls.slice(3)).toEqual(['create p1', 'create p2']);
    expect(outcome).toMatchObject({
      result: { novitaInstanceId: 'new-2', region: 'US-01', productId: 'p2' },
    });
  });

  it('fails retryably when no offer has capacity, or none was found', async () => {
    const error = { code: 'JETFLEET_PROVIDER_CAPACITY', retryable: true };
    const soldOut = await run({ create: fail(capacity()) });
    expect(soldOut.outcome).toMatchObject({ kind: 'failed', error });
    expect(soldOut.calls.slice(3)).toEqual(['create p1', 'create p2']);
    const none = await run({ offers: () => [] });
    expect(none.outcome).toMatchObject({ kind: 'failed', error });
    expect(none.calls).toEqual(['offers']);
  });

  it.each<[string, Fakes]>([
    ['resolving offers', { offers: fail(refused()) }],
    ['looking up', { find: fail(refused()) }],
    ['creating', { create: fail(refused()) }],
  ])('fails with the error itself when %s is refused', async (_, fakes) => {
    expect((await run(fakes)).outcome).toEqual({ kind: 'failed', error: toJobError(refused()) });
  });

  it('fails by what could not be asked, and not for want of capacity', async () => {
    const resting = Object.assign(ambiguous(), { code: 'JETFLEET_PROVIDER_TRANSIENT', retryAfterMs: 9_000 });
    const { outcome } = await run({ create: () => fail(Object.assign(capacity(), { unasked: resting }))() });
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'JETFLEET_PROVIDER_TRANSIENT', retryable: true, retryAfterMs: 9_000 },
    });
  });
});

describe('a call whose turn comes later', () => {
  const waits = { kind: 'snoozed', delayMs: 4_000 };

  it.each<[string, Fakes]>([
    ['the offers', { offers: fail(comesLater()) }],
    ['the search by name', { find: fail(comesLater()) }],
    ['the create', { offers: () => [OFFERS[0] as Offer], create: fail(comesLater()) }],
  ])('has the job hibernate: %s', async (_, fakes) => {
    expect((await run(fakes)).outcome).toEqual(waits);
  });

  it('is not waited for where another provider rents at once', async () => {
    const offers = () => [{ ...OFFERS[0], provider: 'a' } as Offer, { ...OFFERS[1], provider: 'b' } as Offer];
    const create = (offer: Offer) => (offer.provider === 'a' ? fail(comesLater())() : 'new-2');
    const { outcome, calls } = await run({ offers, create });
    expect(outcome).toMatchObject({ kind: 'completed', result: { novitaInstanceId: 'new-2' } });
    expect(calls.slice(3)).toEqual(['create p1', 'create p2']);
    const both = (offer: Offer) => fail(offer.provider === 'a' ? comesLater() : refused())();
    expect((await run({ offers, create: both })).outcome).toEqual(waits);
    // What is unknown is looked up, whatever could be waited for.
    const unclear = (offer: Offer) => fail(offer.provider === 'a' ? comesLater() : ambiguous())();
    expect((await run({ offers, create: unclear }, {}, { maxCreates: 1 })).calls.slice(5)).toEqual(
      times(5, 'find'),
    );
  });

  it('is found again with one search where the job has left that nothing is unknown', async () => {
    const { calls } = await run({}, { checkpoint: { ...intent, creates: 'known' } });
    expect(calls).toEqual(['find', 'offers', 'create p1']);
  });
});

describe('an earlier create may have been carried out', () => {
  const prior = { checkpoint: intent };

  it('adopts what an earlier attempt rented, before anything else', async () => {
    const { outcome, calls } = await run({ find: () => [{ id: 'old-1' }], offers: fail(refused()) }, prior);
    expect(calls).toEqual(['find']);
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { novitaInstanceId: 'old-1', adopted: true },
    });
  });

  it.each([
    ['2025-12-31T23:50:00.000Z', '2025-12-31T23:50:00.000Z'],
    ['2026-01-01T00:00:01.000Z', input.now],
    ['yesterday', input.now],
    [undefined, input.now],
  ])('counts the waiting time of what was sent at %s from %s', async (sentAt, startTime) => {
    const { outcome } = await run({ find: () => [{ id: 'old' }] }, { checkpoint: { ...intent, sentAt } });
    expect(outcome).toMatchObject({ next: [{ payload: { startTime } }] });
  });

  it('looks five times before it creates again', async () => {
    const { outcome, calls } = await run({}, prior);
    expect(calls).toEqual([...times(5, 'find'), 'offers', 'create p1']);
    expect(outcome).toMatchObject({ result: { adopted: false } });
  });

  it('adopts an instance that shows late', async () => {
    const { calls } = await run({ find: (n) => (n < 5 ? [] : [{ id: 'late' }]) }, prior);
    expect(calls).toEqual(times(5, 'find'));
  });

  it.each([ambiguous(), new TypeError('fetch failed')])('looks again after %s', async (error) => {
    const find = (n: number) => (n < 3 ? [] : [{ id: 'maybe' }]);
    const { outcome, calls } = await run({ find, create: fail(error) });
    expect(calls).toEqual(['offers', 'intent', 'find', 'create p1', 'find', 'find']);
    expect(outcome).toMatchObject({
      kind: 'completed',
      result: { novitaInstanceId: 'maybe', adopted: true },
    });
  });

  it('gives up after three unknown outcomes, so that a broken provider does not hold it for ever', async () => {
    const { outcome, calls } = await run({ create: fail(ambiguous()) });
    const round = ['create p1', ...times(5, 'find')];
    expect(calls).toEqual(['offers', 'intent', 'find', ...round, ...round, ...round]);
    expect(outcome).toEqual({ kind: 'failed', error: toJobError(ambiguous()) });
  });

  it('keeps the oldest of several, and asks for a job that deletes each of the others', async () => {
    const find = () => [{ id: 'a' }, { id: 'b' }, { id: 'c' }];
    const { outcome, calls } = await run({ find }, prior);
    expect(calls).toEqual(['find']);
    const deletes = (n: number, novitaInstanceId: string) => ({
      type: 'delete_instance',
      idSuffix: `delete-${n}`,
      payload: { instanceId: input.payload.instanceId, novitaInstanceId },
    });
    expect(outcome).toMatchObject({
      result: { novitaInstanceId: 'a', adopted: true, duplicates: ['b', 'c'] },
      next: [{ type: 'monitor_instance' }, deletes(1, 'b'), deletes(2, 'c')],
    });
  });

  it('has no duplicates to name when it found one', async () => {
    const { outcome } = await run({ find: () => [{ id: 'a' }] }, prior);
    expect(outcome).not.toMatchObject({ result: { duplicates: expect.anything() } });
  });

  it('waits for the settle delay between look-ups', async () => {
    const clock = new SimulatedClock();
    const { machine, calls, input: given } = start({}, prior, { settleDelayMs: 300 });
    const actor = createActor(machine, { input: given, clock }).start();
    await waitFor(actor, (snapshot) => snapshot.matches('settling'));
    clock.increment(299);
    expect(actor.getSnapshot().value).toBe('settling');
    clock.increment(1);
    expect(actor.getSnapshot().value).toBe('lookingUp');
    expect(calls).toEqual(['find', 'find']);
    actor.stop();
  });

  describe('with offers of several providers', () => {
    const RETRY = { retryable: true };
    const offers = (): Offer[] => [
      { provider: 'a', productId: 'a1', region: 'r', key: 'a/r/a1/spot' },
      { provider: 'a', productId: 'a2', region: 'r', key: 'a/r/a2/spot' },
      { provider: 'b', productId: 'b1', region: 'r', key: 'b/r/b1/spot' },
    ];
    const until = (allowed: string, error: Error) => (offer: Offer) =>
      offer.productId === allowed ? 'new-1' : fail(error)();

    it.each([
      'JETFLEET_PROVIDER_QUOTA',
      'JETFLEET_PROVIDER_BALANCE',
      'JETFLEET_PROVIDER_AUTH',
      'JETFLEET_PROVIDER_RATE_LIMITED',
    ] as const)('%s of one provider goes on to the next provider', async (code) => {
      const { calls, outcome } = await run({ offers, create: until('b1', new JetfleetError(code, 'no')) });
      expect(calls.slice(-2)).toEqual(['create a1', 'create b1']);
      expect(outcome).toMatchObject({ kind: 'completed', result: { provider: 'b', productId: 'b1' } });
    });

    it('fails by what the last provider has said', async () => {
      const balance = new JetfleetError('JETFLEET_PROVIDER_BALANCE', 'empty');
      const { outcome } = await run({ offers, create: fail(balance) });
      expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'JETFLEET_PROVIDER_BALANCE' } });
    });

    it.each([
      ['JETFLEET_PROVIDER_BALANCE', 'JETFLEET_PROVIDER_CAPACITY'],
      ['JETFLEET_PROVIDER_AUTH', 'JETFLEET_PROVIDER_RATE_LIMITED'],
    ] as const)(
      '%s of the last one does not end a job that another one may serve later, after %s',
      async (...codes) => {
        const [final, earlier] = codes;
        const create = ({ provider }: Offer) =>
          fail(
            provider === 'b' ? new JetfleetError(final, 'no') : new JetfleetError(earlier, 'wait', RETRY),
          )();
        const { calls, outcome } = await run({ offers, create });
        expect(calls.at(-1)).toBe('create b1');
        expect(outcome).toMatchObject({ kind: 'failed', error: { code: earlier, retryable: true } });
      },
    );

    it('never goes on after a create whose outcome is unknown', async () => {
      const { calls } = await run({ offers, create: fail(ambiguous()) }, {}, { maxLookUps: 1 });
      expect(calls.filter((call) => call.startsWith('create')).every((call) => call === 'create a1')).toBe(
        true,
      );
    });

    it('hands the monitor what follows an offer that takes too long', async () => {
      const timed = { ...input.payload, onTimeout: 'delete' as const, offerTimeoutMs: 1_000, avoid: ['x'] };
      const { outcome } = await run({ offers, create: until('a2', capacity()) }, { payload: timed });
      // The next create job has no header of its own that says where its webhook goes.
      const nextOffer = { ...timed, webhookUrl: input.webhookUrl, avoid: ['x', 'a/r/a2/spot'] };
      expect(outcome).toMatchObject({ next: [{ payload: { offerTimeoutMs: 1_000, nextOffer } }] });
    });

    it.each<[string, Fakes, unknown]>([
      ['an earlier attempt', { find: () => [{ id: 'old' }] }, { ...intent, offer: 'a/r/a1/spot' }],
      ['a create without an answer', { find: (n) => (n < 2 ? [] : [{ id: 'old' }]) }, undefined],
    ])('gives what %s has rented the time of its offer', async (_, { find }, checkpoint) => {
      const timed = { ...input.payload, onTimeout: 'delete' as const, offerTimeoutMs: 1_000 };
      const fakes = { offers, find, create: fail(ambiguous()) } as Fakes;
      const { outcome } = await run(fakes, { payload: timed, checkpoint });
      expect(outcome).toMatchObject({
        result: { adopted: true },
        next: [{ payload: { offerTimeoutMs: 1_000, nextOffer: { avoid: ['a/r/a1/spot'] } } }],
      });
    });

    it('has one deadline for all offers, and ends with it', async () => {
      const timed = { ...input.payload, onTimeout: 'delete' as const, offerTimeoutMs: 1_000 };
      const options = { tags: ['tenant:acme'], timeoutMs: 9_000 };
      const first = await run({ offers }, { payload: timed, ...options });
      const deadline = '2026-01-01T00:00:05.000Z';
      expect(first.outcome).toMatchObject({
        next: [
          {
            payload: {
              maxWaitTime: 5_000,
              nextOffer: { deadline },
              nextOptions: { maxAttempts: 3, ...options },
            },
          },
        ],
      });
      const late = { now: '2026-01-01T00:00:03.000Z', payload: { ...timed, deadline } };
      const second = await run({ offers }, late);
      expect(second.outcome).toMatchObject({
        next: [{ payload: { maxWaitTime: 2_000, nextOffer: { deadline } } }],
      });
      const over = await run({ offers }, { ...late, now: '2026-01-01T00:00:04.500Z' });
      expect(over.calls).toEqual([]);
      expect(over.outcome).toMatchObject({ error: { code: 'JETFLEET_INSTANCE_TIMEOUT' }, timedOut: true });
    });

    it('ends the chain where the list of what is avoided is full, and forgets none', async () => {
      const avoid = Array.from({ length: 50 }, (_, at) => `x${at}`);
      const timed = { ...input.payload, onTimeout: 'delete' as const, offerTimeoutMs: 1_000, avoid };
      const { outcome } = await run({ offers }, { payload: timed });
      expect(outcome).not.toMatchObject({ next: [{ payload: { nextOffer: expect.anything() } }] });
    });

    it('waits for capacity as long as the job says', async () => {
      const waiting = { ...input.payload, waitForCapacityUntil: '2026-01-01T00:01:00.000Z' };
      const full = { offers, create: fail(capacity()) };
      expect((await run(full, { payload: waiting })).outcome).toEqual({ kind: 'snoozed', delayMs: 30_000 });
      expect(
        (await run({ offers: () => [] }, { payload: waiting }, { capacityPollMs: 70_000 })).outcome,
      ).toEqual({
        kind: 'snoozed',
        delayMs: 60_000,
      });
      const over = { payload: waiting, now: '2026-01-01T00:01:00.000Z' };
      expect((await run(full, over)).outcome).toMatchObject({ kind: 'failed', error: { retryable: true } });
      expect((await run({ offers, create: fail(refused()) }, { payload: waiting })).outcome.kind).toBe(
        'failed',
      );
    });

    it('has no next offer where the instance would be kept or stopped', async () => {
      const timed = { ...input.payload, onTimeout: 'stop' as const, offerTimeoutMs: 1_000 };
      const { outcome } = await run({ offers }, { payload: timed });
      expect(outcome).not.toMatchObject({ next: [{ payload: { offerTimeoutMs: expect.anything() } }] });
    });
  });
});

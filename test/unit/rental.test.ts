/** Which of its creates has rented an instance, as far as the record of the job, its id and its provider say. */
import { describe, expect, it } from 'vitest';
import type { GpuProvider, Instance } from '../../src/gpu/index.js';
import type { JobRecord } from '../../src/index.js';
import {
  type AnnouncedCreate,
  announcedIn,
  announcedWith,
  createOf,
} from '../../src/instances/announced-creates.js';
import { rentalOf, unownedRental } from '../../src/instances/rental.js';

const at = (minutes: number) =>
  new Date(Date.parse('2026-01-01T00:00:00.000Z') + minutes * 60_000).toISOString();
const sentTo = (provider: string, more: Partial<AnnouncedCreate> = {}): AnnouncedCreate => ({
  ...{ provider, account: `${provider}-main`, region: 'EU', productId: 'h100', billingMode: 'spot' },
  ...{ pricePerHour: 200_000, sentAt: at(1), ...more },
});
const [first, second] = [
  sentTo('a'),
  sentTo('b', { pricePerHour: 100_000, sentAt: at(9), billedMs: 60_000 }),
];
const parts = ['a', 'b'].map((name) => ({ name, account: `${name}-now`, capabilities: {} })) as GpuProvider[];
const shown = (more: Partial<Instance>): Instance => ({
  ...{ id: 'x', name: 'jetfleet-x', status: 'running', rawStatus: '', healthy: true, endpoints: [] },
  ...{ observedAt: at(10), ...more },
});

describe('the create of an instance', () => {
  it.each<[string, Parameters<typeof createOf>[1], AnnouncedCreate]>([
    ['answered with its id', { provider: undefined, isLast: true, shown: undefined }, second],
    ['of the provider that its id names', { provider: 'b', isLast: false, shown: undefined }, second],
    ['the first that may have', { provider: undefined, isLast: false, shown: undefined }, first],
    [
      'sent before it was created',
      { provider: undefined, isLast: false, shown: shown({ createdAt: at(9.05) }) },
      second,
    ],
  ])('is the one %s', (_, known, expected) => {
    expect(createOf([first, second], known)).toBe(expected);
  });

  it('is one in its region and of its product, and none of another provider', () => {
    const [us, big] = [
      sentTo('a', { region: 'US', sentAt: at(2) }),
      sentTo('a', { productId: 'h200', sentAt: at(3) }),
    ];
    const known = { provider: 'a', isLast: false };
    expect(createOf([first, us, big], { ...known, shown: shown({ region: 'US' }) })).toBe(us);
    expect(createOf([first, us, big], { ...known, shown: shown({ productId: 'h200' }) })).toBe(big);
    expect(createOf([second], { ...known, shown: undefined })).toBeUndefined();
  });

  it('is kept among the latest, and only as it should be', () => {
    const many = Array.from({ length: 30 }, (_, index) => sentTo('a', { pricePerHour: index }));
    const kept = many.reduce<AnnouncedCreate[]>((before, each) => announcedWith(before, each), []);
    expect(kept).toEqual(many.slice(-20));
    const bad = [
      null,
      'x',
      { ...first, sentAt: 'soon' },
      { ...first, pricePerHour: 0.5 },
      { ...first, billedMs: 0 },
    ];
    expect(announcedIn({ sent: [...bad, first] })).toEqual([first]);
    for (const checkpoint of [null, undefined, 5, { sent: 'x' }]) expect(announcedIn(checkpoint)).toEqual([]);
  });
});

describe('what was rented', () => {
  const creator = {
    ...{ id: 'order', type: 'create_instance', tags: ['team:red'], createdAt: at(0), updatedAt: at(20) },
    payload: { instanceId: 'mine', gpuNum: 2 },
    checkpoint: { instanceName: 'jetfleet-x', sent: [first, second] },
    result: { novitaInstanceId: 'a:1', adopted: true, duplicates: ['b:2'] },
  } as unknown as JobRecord;
  const rental = (novitaInstanceId: string, more: object = {}) =>
    rentalOf(creator, { novitaInstanceId, owner: 'order', parts, ...more });

  it('is that of the provider, the account, the price and the time of its own create', () => {
    expect(rental('a:1')).toMatchObject({
      ...{
        provider: 'a',
        account: 'a-main',
        id: '1',
        pricePerHour: 200_000,
        rentedAt: at(1),
        billedMs: 1_000,
      },
      ...{ jobId: 'order', tags: ['team:red'], instanceId: 'mine', gpuNum: 2, name: 'jetfleet-x' },
    });
    expect(rental('b:2')).toMatchObject({
      ...{
        provider: 'b',
        account: 'b-main',
        id: '2',
        pricePerHour: 100_000,
        rentedAt: at(9),
        billedMs: 60_000,
      },
    });
  });

  it('takes nothing from the creates of another life of its job', () => {
    const earlier = shown({ name: 'jetfleet-earlier', createdAt: at(-30), pricePerHour: 7 });
    expect(rental('a:1', { shown: earlier })).toMatchObject({
      ...{ provider: 'a', account: 'a-now', pricePerHour: 7, rentedAt: at(-30), name: 'jetfleet-earlier' },
    });
    expect(rental('a:1', { name: null })).toMatchObject({ pricePerHour: null, rentedAt: at(0) });
  });

  it('without a record begins when its provider says, or when it was seen first', () => {
    const seen = { novitaInstanceId: 'b:9', parts, seenAt: at(50) };
    expect(unownedRental(shown({ createdAt: at(40), pricePerHour: 5 }), seen)).toMatchObject({
      ...{ provider: 'b', id: '9', account: 'b-now', rentedAt: at(40), pricePerHour: 5, tags: [] },
    });
    expect(unownedRental(shown({ createdAt: 'long ago' }), seen)).toMatchObject({
      rentedAt: at(50),
      pricePerHour: null,
    });
  });
});

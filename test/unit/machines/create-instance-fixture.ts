import { expect } from 'vitest';
import { type ActorOptions, type AnyActorLogic, createActor, fromPromise, toPromise } from 'xstate';
import {
  type CreateInstanceSettings,
  createInstanceChart,
  type FoundInstance,
  type Offer,
  type RunInput,
} from '../../../machines/index.js';
import type { CreateInstancePayload } from '../../../src/instances/schemas.js';
import { JetfleetError } from '../../../src/jobs/errors.js';
import type { JobOutcome } from '../../../src/jobs/outcome.js';

export const payload: CreateInstancePayload = {
  instanceId: 'i-1',
  name: 'trainer',
  productName: 'RTX 4090',
  templateId: 't-1',
  gpuNum: 1,
  rootfsSize: 60,
  region: 'CN-HK-01',
  maxWaitTime: 5_000,
  onTimeout: 'stop',
};
export const input: RunInput<CreateInstancePayload> = {
  jobId: 'order-42',
  type: 'create_instance',
  attempt: 1,
  maxAttempts: 3,
  payload,
  webhookUrl: 'https://e.test/hook',
  now: '2026-01-01T00:00:00.000Z',
};
export const intent = { instanceName: 'jf-order-42' };
export const OFFERS: Offer[] = [
  { productId: 'p1', region: 'CN-HK-01' },
  { productId: 'p2', region: 'US-01' },
];
export const capacity = () =>
  new JetfleetError('JETFLEET_PROVIDER_CAPACITY', 'sold out', { retryable: true });
export const ambiguous = () =>
  new JetfleetError('JETFLEET_PROVIDER_AMBIGUOUS', 'socket hung up', { retryable: true });
/** What was not sent, since others come first. */
export const comesLater = (turnInMs = 4_000) =>
  Object.assign(new JetfleetError('JETFLEET_PROVIDER_RATE_LIMITED', 'comes later', { retryable: true }), {
    turnInMs,
  });
export const refused = () => new JetfleetError('JETFLEET_PROVIDER_AUTH', 'bad key');

/** Waits for nothing: the order of things is what these tests are about. */
export const noWaiting: ActorOptions<AnyActorLogic>['clock'] = {
  setTimeout: (fn: () => void) => queueMicrotask(fn),
  clearTimeout: () => {},
};

export interface Fakes {
  offers?: () => Offer[];
  find?: (lookUp: number) => FoundInstance[];
  create?: (offer: Offer) => string;
}

/** Runs the chart against fakes; `calls` has what it asked for, in order. */
export function start(fakes: Fakes, more: Partial<typeof input> = {}, settings: CreateInstanceSettings = {}) {
  const calls: string[] = [];
  let lookUps = 0;
  const machine = createInstanceChart(settings).provide({
    actors: {
      resolveOffers: fromPromise(async () => {
        calls.push('offers');
        return fakes.offers?.() ?? OFFERS;
      }),
      recordIntent: fromPromise(async () => {
        calls.push('intent');
        return intent;
      }),
      findInstances: fromPromise(async (args) => {
        calls.push('find');
        expect(args.input.instanceName).toBe(intent.instanceName);
        return fakes.find?.(++lookUps) ?? [];
      }),
      createInstance: fromPromise(async (args) => {
        calls.push(`create ${args.input.offer.productId}`);
        return { providerInstanceId: fakes.create?.(args.input.offer) ?? 'new-1' };
      }),
    },
  });
  return { machine, calls, input: { ...input, ...more } };
}

export async function run(
  ...args: Parameters<typeof start>
): Promise<{ calls: string[]; outcome: JobOutcome }> {
  const { machine, calls, input: given } = start(...args);
  const actor = createActor(machine, { input: given, clock: noWaiting }).start();
  return { outcome: await toPromise(actor), calls };
}

export const fail = (error: Error) => (): never => {
  throw error;
};
export const times = (n: number, what: string) => Array.from({ length: n }, () => what);

import { expect, test } from 'vitest';
import { createActor, fromPromise, toPromise } from 'xstate';
import { defineProvider, type GpuProvider } from '../../src/gpu/index.js';
import type { JobOutcome } from '../../src/index.js';
import { createInstanceRun } from '../../src/instances/create-instance.js';
import type { CallActor } from '../../src/instances/job-calls.js';
import { OfferHistory } from '../../src/instances/offer-history.js';
import type { JobContext } from '../../src/worker/job-handler.js';

const payload = {
  ...{ instanceId: 'own', name: 'Own', productName: 'x', templateId: 't', region: 'r' },
  ...{ gpuNum: 1, rootfsSize: 10 },
};

/** A provider without instances, which notes what it rents. */
function empty(name: string, rented: string[]): GpuProvider {
  return defineProvider({
    name,
    create: async () => ({ providerInstanceId: String(rented.push(name)) }),
    get: async () => null,
    findByName: async () => [],
    async *list() {},
    delete: async () => {},
    listOffers: async ({ productName, region, billingMode }) => [
      { productId: name, productName, region, billingMode, pricePerHour: 1 },
    ],
    getTemplate: async (id) => ({ id, image: name, ports: [], envs: [] }),
    capabilities: { spot: true },
  });
}

/** Runs a create job that has left this checkpoint. */
async function created(names: string[], checkpoint: unknown): Promise<[JobOutcome, string[]]> {
  const rented: string[] = [];
  const job = {
    ...{ id: 'order', payload, checkpoint, signal: new AbortController().signal, log: () => {} },
    record: { id: 'order', createdAt: '2026-01-01T00:00:00.000Z' },
    saveCheckpoint: async () => {},
  } as unknown as JobContext;
  const actor: CallActor = (call) => fromPromise(({ input }) => call(job, input));
  const parts = names.map((name) => empty(name, rented));
  const history = new OfferHistory(() => Promise.reject(new Error('not read')));
  const logic = createInstanceRun(actor, {
    ...{ provider: parts[0] as GpuProvider, parts, history, namespace: 'n', settleDelayMs: 0 },
    checkWebhookUrl: async () => {},
  });
  const input = {
    ...{ jobId: 'order', type: 'create_instance', attempt: 2, maxAttempts: 3, payload, checkpoint },
    now: '2026-01-01T00:00:00.000Z',
  };
  const outcome = await toPromise(createActor(logic, { input }).start());
  return [outcome as JobOutcome, rented];
}

test.each([[['near']], [['near', 'third']]])(
  'a worker with %j rents nothing where a create may have been sent to a provider that it lacks',
  async (names) => {
    const checkpoint = { instanceName: 'jetfleet-order-0', productId: 'far', sentTo: ['far'] };
    const [outcome, rented] = await created(names, checkpoint);
    expect(rented).toEqual([]);
    expect(outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'JETFLEET_PROVIDER_TRANSIENT', retryable: true },
    });
    expect((outcome as { error: { message: string } }).error.message).toContain('run a worker with far');
  },
);

test.each([[['near']], [['near', 'far']]])(
  'a worker with %j goes on where it has the provider',
  async (names) => {
    const checkpoint = { instanceName: 'jetfleet-order-0', productId: 'near', sentTo: ['near'] };
    const [outcome, rented] = await created(names, checkpoint);
    expect(outcome.kind).toBe('completed');
    expect(rented).toHaveLength(1);
  },
);

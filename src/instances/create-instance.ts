import type { AnyActorLogic } from 'xstate';
import {
  type CreateInstanceSettings,
  createInstanceChart,
  DEFAULT_SETTLE_DELAY_MS,
  MAX_LOOK_UPS,
} from '../../machines/index.js';
import { instanceNameFor } from '../gpu/instance-name.js';
import type { GpuProvider, Offer, Template } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';
import { BrokerError } from '../jobs/errors.js';
import type { WorkerHost } from '../worker/extension.js';
import type { JobContext } from '../worker/job-handler.js';
import type { CallActor } from './job-calls.js';
import type { RentalLimit } from './rental-limit.js';
import type { CreateInstancePayload } from './schemas.js';

export interface CreateInstanceServices extends CreateInstanceSettings {
  provider: GpuProvider;
  /** Part of the instances' names, so that two namespaces on one account never adopt each other's. */
  namespace: string;
  /** Refuses a URL that webhooks of this worker may not go to. */
  checkWebhookUrl: WorkerHost['checkWebhookUrl'];
  /** Defaults to none: any number may be rented. */
  limit?: RentalLimit;
}

const MAX_FENCES = 3;
/** However short the look-ups are set: no broker answers faster than this on every machine. */
const MIN_FENCE_MS = 250;

/** Rents exactly one instance; the chart decides, this does the calls. */
export function createInstanceRun(actor: CallActor, options: CreateInstanceServices): AnyActorLogic {
  const { provider, namespace, checkWebhookUrl, limit, ...settings } = options;
  const { settleDelayMs = DEFAULT_SETTLE_DELAY_MS, maxLookUps = MAX_LOOK_UPS } = settings;
  // Half of what another worker waits for this create to show: the other half is the provider's.
  const freshMs = Math.max((settleDelayMs * maxLookUps) / 2, MIN_FENCE_MS);
  const templates = new WeakMap<JobContext, Template>();
  const templateOf = async (job: JobContext, id: string): Promise<Template> => {
    const template = templates.get(job) ?? (await provider.getTemplate(id, job.signal));
    templates.set(job, template);
    return template;
  };
  return createInstanceChart(settings).provide({
    actors: {
      resolveOffers: actor(async (job, { payload }) => {
        const url = payload.webhookUrl ?? job.record.webhookUrl;
        if (url !== undefined) await checkWebhookUrl(url, job.signal);
        if (payload.onTimeout === 'stop' && !provider.capabilities.stopStart) {
          throw new ProviderError(
            'validation',
            `${provider.name} cannot stop instances, so onTimeout cannot be stop`,
          );
        }
        await templateOf(job, payload.templateId);
        return listOffers(provider, payload, job.signal);
      }),
      recordIntent: actor(async (job) => {
        const instanceName = instanceNameFor(job.record, namespace);
        await job.saveCheckpoint({ instanceName });
        return { instanceName };
      }),
      findInstances: actor((job, { instanceName }) => provider.findByName(instanceName, job.signal)),
      createInstance: actor(async (job, { instanceName, offer }) => {
        const { gpuNum, rootfsSize, templateId } = job.payload as CreateInstancePayload;
        const template = await templateOf(job, templateId);
        const spec = { name: instanceName, offer: offer as Offer, template, gpuNum, rootfsSize };
        const announced = { instanceName, region: offer.region, productId: offer.productId };
        if (limit) {
          await job.saveCheckpoint(announced);
          await limit.admit(instanceName, gpuNum, job.signal);
        }
        await fence(job, announced, freshMs);
        return provider.create(spec, job.signal);
      }),
    },
  });
}

/**
 * A worker that stood still until another one took the job over is refused here, before it pays. That holds for the
 * moment of the write, so one that was answered late, by a slow broker or to a process that stood still, is repeated.
 * @throws BrokerError `JETFLEET_PUBLISH_TIMEOUT` when no answer is fresh; nothing was rented then
 */
async function fence(job: JobContext, checkpoint: unknown, freshMs: number): Promise<void> {
  for (let tries = 0; tries < MAX_FENCES; tries++) {
    const sentAt = performance.now();
    await job.saveCheckpoint(checkpoint);
    if (performance.now() - sentAt <= freshMs) return;
  }
  throw new BrokerError(
    'JETFLEET_PUBLISH_TIMEOUT',
    `the broker confirmed none of ${MAX_FENCES} writes of job ${job.id} within ${freshMs} ms; nothing is rented on a claim that may be lost`,
    { retryable: true },
  );
}

/** Offers of every region in the order given, the cheapest of each first. */
async function listOffers(
  provider: GpuProvider,
  { productName, region, regions = [], gpuNum, rootfsSize, billingMode = 'spot' }: CreateInstancePayload,
  signal: AbortSignal,
): Promise<Offer[]> {
  const offers: Offer[] = [];
  for (const each of new Set([region, ...regions])) {
    const query = { productName, region: each, gpuNum, rootfsSize, billingMode };
    offers.push(...(await provider.listOffers(query, signal)));
  }
  return offers;
}

import { fromPromise } from 'xstate';
import { type CreateInstanceSettings, createInstanceChart } from '../../../machines/index.js';
import { instanceNameFor } from '../../gpu/instance-name.js';
import type { GpuProvider, Offer, Template } from '../../gpu/provider.js';
import { type CreateInstancePayload, createInstancePayload } from '../../jobs/payloads.js';
import type { HandlerOptions, JobContext } from '../job-handler.js';

/** Finds the job that a chart's actor works for. */
export type HeldJobOf = (jobId: string) => JobContext;

export interface CreateInstanceHandlerOptions extends CreateInstanceSettings {
  provider: GpuProvider;
  /** Part of the instances' names, so that two namespaces on one account never adopt each other's. */
  namespace: string;
  heldJob: HeldJobOf;
}

/** Rents exactly one instance; the chart decides, this does the calls. */
export function createInstanceHandler(
  options: CreateInstanceHandlerOptions,
): HandlerOptions<CreateInstancePayload> {
  const { provider, namespace, heldJob, ...settings } = options;
  const templates = new WeakMap<JobContext, Template>();
  const templateOf = async (job: JobContext, id: string): Promise<Template> => {
    const template = templates.get(job) ?? (await provider.getTemplate(id, job.signal));
    templates.set(job, template);
    return template;
  };
  const payloadOf = (job: JobContext) => job.payload as CreateInstancePayload;
  const chart = createInstanceChart(settings).provide({
    actors: {
      resolveOffers: fromPromise(async ({ input: { jobId, payload } }) => {
        const job = heldJob(jobId);
        await templateOf(job, payload.templateId);
        return listOffers(provider, payload, job.signal);
      }),
      recordIntent: fromPromise(async ({ input: { jobId } }) => {
        const job = heldJob(jobId);
        const instanceName = instanceNameFor(job.record, namespace);
        await job.saveCheckpoint({ instanceName });
        return { instanceName };
      }),
      findInstances: fromPromise(({ input }) =>
        provider.findByName(input.instanceName, heldJob(input.jobId).signal),
      ),
      createInstance: fromPromise(async ({ input: { jobId, instanceName, offer } }) => {
        const job = heldJob(jobId);
        const { gpuNum, rootfsSize, templateId } = payloadOf(job);
        const template = await templateOf(job, templateId);
        const spec = { name: instanceName, offer: offer as Offer, template, gpuNum, rootfsSize };
        // The fence: a worker that stood still until another one took the job over is refused here, before it pays.
        await job.saveCheckpoint({ instanceName, region: offer.region, productId: offer.productId });
        return provider.create(spec, job.signal);
      }),
    },
  });
  return { payload: createInstancePayload, chart };
}

/** Offers of every region in the order given, the cheapest of each first. */
async function listOffers(
  provider: GpuProvider,
  { productName, region, regions = [], gpuNum, billingMode = 'spot' }: CreateInstancePayload,
  signal: AbortSignal,
): Promise<Offer[]> {
  const offers: Offer[] = [];
  for (const each of new Set([region, ...regions])) {
    offers.push(...(await provider.listOffers({ productName, region: each, gpuNum, billingMode }, signal)));
  }
  return offers;
}

/** What the jobs of instances take, and what they leave. */
import * as z from 'zod';
import { DEFAULT_MAX_WAIT_TIME_MS } from '../../machines/repeated.js';
import { MAX_NAMED_ID_LENGTH } from '../gpu/provider.js';
import { httpUrl } from '../jobs/http-url.js';
import { watchInstancePayload, watchSettings } from './lifecycle-schemas.js';
import { isoTime, maxWaitTime, text } from './payload-fields.js';

const onTimeout = z.enum(['delete', 'stop', 'keep']);

/** What happens to an instance that does not run in time: removed (default), stopped, or left alone. */
export type OnTimeout = z.infer<typeof onTimeout>;

/** `create_instance`: rents exactly one instance. Sizes are GB, times milliseconds. */
export const createInstancePayload = z.strictObject({
  instanceId: text(100),
  name: text(100),
  productName: text(200),
  templateId: text(100),
  gpuNum: z.number().int().min(1).max(8),
  rootfsSize: z.number().int().min(10).max(6144),
  region: text(100),
  billingMode: z.enum(['spot', 'on_demand']).optional(),
  /** Fallbacks, in order, when `region` has no capacity. */
  regions: z.array(text(100)).max(20).optional(),
  /** Fallbacks, in order, when `productName` has no capacity: other names of products, such as those of another provider. */
  products: z.array(text(200)).max(10).optional(),
  /** Billing modes that will do, in order, in place of `billingMode`. */
  billingModes: z
    .array(z.enum(['spot', 'on_demand']))
    .min(1)
    .max(2)
    .optional(),
  /** Names of the providers that will do, in order. Defaults to all that the worker has. */
  providers: z.array(text(32)).min(1).max(20).optional(),
  /** The template at each provider, by its name, where it is not `templateId`. */
  templateIds: z
    .record(text(32), text(100))
    .refine((ids) => Object.keys(ids).length <= 20, 'has more than 20 providers')
    .optional(),
  /** Which offer is tried first: as the lists above order them (default), the cheapest, or the one that has started soonest. */
  placement: z.enum(['ordered', 'cheapest', 'fastest']).optional(),
  /** Highest price of all GPUs for an hour, in 1/100,000 of the account's currency. Defaults to any. */
  maxPricePerHour: z.number().int().min(1).max(1_000_000_000).optional(),
  /** How long an offer may take from create to running, before its instance is deleted and the next offer tried. Defaults to `maxWaitTime`. */
  offerTimeoutMs: maxWaitTime.optional(),
  /** How the instance is watched once it runs, by a `watch_instance` job. Defaults to not at all. */
  watch: watchSettings.optional(),
  /** The instance ends itself when its lease is not renewed for so long. Defaults to none. */
  lease: z
    .strictObject({
      ms: z
        .number()
        .int()
        .min(1_000)
        .max(7 * 24 * 60 * 60 * 1000),
      /** What the instance asks for, by GET, to be ended, where its provider has no call of its own for that. */
      endUrl: httpUrl.optional(),
    })
    .optional(),
  /** Offers that are not tried, as `provider/region/product/billing mode`. */
  avoid: z.array(text(500)).max(50).optional(),
  /** Until when an instance has to run, over all offers. Set by the first job of a chain of offers; defaults to `maxWaitTime` after the create. */
  deadline: isoTime.optional(),
  /** Until when the job waits where there is no capacity, without using an attempt. Defaults to not at all: the attempt fails. */
  waitForCapacityUntil: isoTime.optional(),
  webhookUrl: httpUrl.optional(),
  maxWaitTime: maxWaitTime.optional(),
  onTimeout: onTimeout.optional(),
});
export type CreateInstancePayload = z.infer<typeof createInstancePayload>;

/** The `result` of a completed `create_instance`. */
export const createInstanceResult = z.object({
  novitaInstanceId: z.string(),
  /** Name of the provider, where the worker has several. */
  provider: z.string().optional(),
  /** Absent for an adopted instance. */
  region: z.string().optional(),
  productId: z.string().optional(),
  /** Whether an earlier attempt had rented the instance. */
  adopted: z.boolean(),
  /** Other instances of the same name: the oldest was kept, and a `delete_instance` job removes each of these. */
  duplicates: z.array(z.string()).optional(),
});
export type CreateInstanceResult = z.infer<typeof createInstanceResult>;

/** `monitor_instance`: watches an instance until it runs, or until `maxWaitTime` has passed since `startTime`. */
export const monitorInstancePayload = z.strictObject({
  instanceId: text(100),
  novitaInstanceId: text(MAX_NAMED_ID_LENGTH),
  startTime: isoTime,
  maxWaitTime: maxWaitTime.default(DEFAULT_MAX_WAIT_TIME_MS),
  webhookUrl: httpUrl.optional(),
  onTimeout: onTimeout.optional(),
  /** How long the offer may take; its instance is then deleted, and `nextOffer` is the create that follows. */
  offerTimeoutMs: maxWaitTime.optional(),
  nextOffer: createInstancePayload.optional(),
  /** Options of the first job, for the create that follows. */
  nextOptions: z
    .strictObject({
      maxAttempts: z.number().int().min(1).max(100).optional(),
      timeoutMs: z.number().int().min(1).optional(),
      tags: z.array(z.string()).max(20).optional(),
    })
    .optional(),
  /** The `watch_instance` job that follows once the instance runs. */
  watch: watchInstancePayload.omit({ instanceId: true, novitaInstanceId: true }).optional(),
});
export type MonitorInstancePayload = z.infer<typeof monitorInstancePayload>;

/** The `result` of a completed `monitor_instance`: it runs, or was deleted in time for the next offer. */
export const monitorInstanceResult = z.object({
  novitaInstanceId: z.string(),
  status: z.enum(['running', 'replaced']),
  /** From `startTime` to the run that found the instance running. */
  elapsedTime: z.number(),
});
export type MonitorInstanceResult = z.infer<typeof monitorInstanceResult>;

/**
 * `delete_instance`: deletes what a job has rented, until the provider says that it is gone: one instance by the
 * provider's id, or every instance of a name that was recorded before a create.
 */
export const deleteInstancePayload = z
  .strictObject({
    instanceId: text(100),
    novitaInstanceId: text(MAX_NAMED_ID_LENGTH).optional(),
    instanceName: text(100).optional(),
    webhookUrl: httpUrl.optional(),
  })
  .refine(
    ({ novitaInstanceId, instanceName }) => novitaInstanceId !== undefined || instanceName !== undefined,
    'needs novitaInstanceId or instanceName',
  );
export type DeleteInstancePayload = z.infer<typeof deleteInstancePayload>;

/** The `result` of a completed `delete_instance`. */
export const deleteInstanceResult = z.object({
  /** The provider's ids of what was there and is gone now; empty when nothing was found. */
  deleted: z.array(z.string()),
});
export type DeleteInstanceResult = z.infer<typeof deleteInstanceResult>;

import { z } from 'zod';
import { inexactIn } from './exact-value.js';
import { DEFAULT_MAX_WAIT_TIME_MS, MAX_INSTANCE_ID_LENGTH, MAX_URL_LENGTH } from './limits.js';
import { JobType } from './vocabulary.js';
import { webhookUrlFault } from './webhook-url.js';

const httpUrl = z
  .string()
  .max(MAX_URL_LENGTH)
  .superRefine((url, context) => {
    const fault = webhookUrlFault(url);
    if (fault !== undefined) context.addIssue(fault);
  });
const text = (max: number) => z.string().min(1).max(max);
/** ISO 8601 with a zone; a Date is accepted in process and travels as such a string. */
const isoTime = z.preprocess(
  (value) => (value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value),
  z.iso.datetime({
    offset: true,
    error: 'must be an ISO 8601 time with a zone, such as 2026-01-01T00:00:00Z',
  }),
);
const maxWaitTime = z
  .number()
  .int()
  .min(1)
  .max(7 * 24 * 60 * 60 * 1000);
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
  webhookUrl: httpUrl.optional(),
  maxWaitTime: maxWaitTime.optional(),
  onTimeout: onTimeout.optional(),
});
export type CreateInstancePayload = z.infer<typeof createInstancePayload>;

/** `monitor_instance`: watches an instance until it runs, or until `maxWaitTime` has passed since `startTime`. */
export const monitorInstancePayload = z.strictObject({
  instanceId: text(100),
  novitaInstanceId: text(MAX_INSTANCE_ID_LENGTH),
  startTime: isoTime,
  maxWaitTime: maxWaitTime.default(DEFAULT_MAX_WAIT_TIME_MS),
  webhookUrl: httpUrl.optional(),
  onTimeout: onTimeout.optional(),
});
export type MonitorInstancePayload = z.infer<typeof monitorInstancePayload>;

/**
 * `delete_instance`: deletes what a job has rented, until the provider says that it is gone: one instance by the
 * provider's id, or every instance of a name that was recorded before a create.
 */
export const deleteInstancePayload = z
  .strictObject({
    instanceId: text(100),
    novitaInstanceId: text(MAX_INSTANCE_ID_LENGTH).optional(),
    instanceName: text(100).optional(),
  })
  .refine(
    ({ novitaInstanceId, instanceName }) => novitaInstanceId !== undefined || instanceName !== undefined,
    'needs novitaInstanceId or instanceName',
  );
export type DeleteInstancePayload = z.infer<typeof deleteInstancePayload>;

/** Any JSON, kept as it is: a webhook is signed as its producer's word. */
const exactJson = z.unknown().superRefine((value, context) => {
  const fault = value === undefined ? { path: [], message: 'is missing' } : inexactIn(value);
  if (fault === undefined) return;
  const { path, message } = typeof fault === 'string' ? { path: [], message: `is ${fault}` } : fault;
  context.addIssue({ code: 'custom', path, message });
});

/** `send_webhook`: delivers `payload` to `url`, signed, until it is accepted. */
export const sendWebhookPayload = z.strictObject({
  url: httpUrl,
  payload: exactJson,
  headers: z
    .record(z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/), z.string().max(2_000))
    .optional(),
});
export type SendWebhookPayload = z.infer<typeof sendWebhookPayload>;

/** The payloads of the built-in job types, for typed `addJob` calls. */
export interface BuiltInPayloads {
  create_instance: z.input<typeof createInstancePayload>;
  monitor_instance: Omit<z.input<typeof monitorInstancePayload>, 'startTime'> & { startTime: string | Date };
  delete_instance: DeleteInstancePayload;
  send_webhook: Omit<SendWebhookPayload, 'payload'> & { payload: unknown };
}

/** The schema of each built-in type; a user's own types bring theirs with `registerHandler`. */
export const BUILT_IN_SCHEMAS: Readonly<Record<string, z.ZodType>> = {
  [JobType.CREATE_INSTANCE]: createInstancePayload,
  [JobType.MONITOR_INSTANCE]: monitorInstancePayload,
  [JobType.DELETE_INSTANCE]: deleteInstancePayload,
  [JobType.SEND_WEBHOOK]: sendWebhookPayload,
};

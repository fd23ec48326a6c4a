/** What the jobs of instances that exist take, and what they leave. */
import { z } from 'zod';
import { MAX_INSTANCE_ID_LENGTH } from '../gpu/provider.js';
import { httpUrl } from '../jobs/http-url.js';
import { isoTime, maxWaitTime, text } from './payload-fields.js';

/** What every job about an instance that exists takes: the caller's id of it, and the provider's. */
const ofInstance = {
  instanceId: text(100),
  novitaInstanceId: text(MAX_INSTANCE_ID_LENGTH),
  webhookUrl: httpUrl.optional(),
};

/** `start_instance`, `stop_instance` and `restart_instance`. */
export const orderInstancePayload = z.strictObject({
  ...ofInstance,
  /** From the first run to the state that was asked for. Defaults to 600,000. */
  maxWaitTime: maxWaitTime.optional(),
});
export type OrderInstancePayload = z.infer<typeof orderInstancePayload>;

/** The `result` of a completed `start_instance`, `stop_instance` or `restart_instance`. */
export const orderInstanceResult = z.object({
  novitaInstanceId: z.string(),
  status: z.enum(['running', 'stopped']),
  /** It was so before, and nothing was sent to the provider. */
  isUnchanged: z.boolean(),
  /** From the first run to the one that found the instance so. */
  elapsedTime: z.number(),
});
export type OrderInstanceResult = z.infer<typeof orderInstanceResult>;

/** What a watch reports. `deleted`: by somebody else; `stopped`: from outside, or by a job. */
export const WATCH_EVENTS = [
  ...(['spotInterrupted', 'deleted', 'stopped', 'failed'] as const),
  ...(['unhealthy', 'priceChanged'] as const),
] as const;
export type WatchEvent = (typeof WATCH_EVENTS)[number];

/**
 * What follows from an event: nothing is reported, it is reported, and the instance is migrated, replaced or deleted after that.
 */
const watchPolicy = z.enum(['ignore', 'notify', 'migrate', 'replace', 'delete']);
export type WatchPolicy = z.infer<typeof watchPolicy>;

/** How the ports of an instance are checked. */
const healthFields = {
  /** Ports that must answer. Defaults to all that the provider shows. */
  ports: z.array(z.number().int().min(1).max(65_535)).min(1).max(20).optional(),
  /** What HTTP ports are asked for. Defaults to `/`. */
  path: z
    .string()
    .regex(/^\/(?!\/)[^\s#\\]*$/, 'must be a path such as /health')
    .max(500)
    .optional(),
  /** The answer that an HTTP port must give. Defaults to any below 500. */
  expectStatus: z.number().int().min(200).max(599).optional(),
  /** Limit for each port. Defaults to 10,000. */
  probeTimeoutMs: z.number().int().min(1).max(60_000).optional(),
};
const intervalMs = z
  .number()
  .int()
  .min(10)
  .max(24 * 60 * 60 * 1000);

/** How an instance is watched, whichever it is. */
export const watchSettings = z.strictObject({
  webhookUrl: httpUrl.optional(),
  /** What follows from each event. Defaults to `notify` for all. */
  on: z
    .strictObject(
      Object.fromEntries(WATCH_EVENTS.map((event) => [event, watchPolicy.optional()])) as Record<
        WatchEvent,
        z.ZodOptional<typeof watchPolicy>
      >,
    )
    .optional(),
  /** Checks its ports as well: so many checks in a row must fail before it is `unhealthy`, 3 by default. Defaults to no check. */
  health: z
    .strictObject({ ...healthFields, failures: z.number().int().min(1).max(100).optional() })
    .optional(),
  /** Pause between two reads while something changes. Defaults to the `pollIntervalMs` of the worker. */
  minIntervalMs: intervalMs.optional(),
  /** Longest pause between two reads of an instance that is well: it doubles up to this. Defaults to 300,000. */
  maxIntervalMs: intervalMs.optional(),
  /** Pause between two looks at the price of its offer; 0 for none. Defaults to 900,000. */
  priceIntervalMs: intervalMs.or(z.literal(0)).optional(),
  /** What is known already, from a watch before this one. */
  pricePerHour: z.number().int().optional(),
  reported: z.array(z.enum(WATCH_EVENTS)).max(20).optional(),
});
export type WatchSettings = z.infer<typeof watchSettings>;

/** `watch_instance`: watches an instance that runs, and reports what happens to it. */
export const watchInstancePayload = watchSettings.extend({
  instanceId: text(100),
  novitaInstanceId: text(MAX_INSTANCE_ID_LENGTH),
  /** The `create_instance` job that rented it. */
  createJobId: text(128).optional(),
});
export type WatchInstancePayload = z.infer<typeof watchInstancePayload>;

/** The `result` of a completed `watch_instance`: what has happened. Another watch follows where there is something left to be watched. */
export const watchInstanceResult = z.object({
  novitaInstanceId: z.string(),
  event: z.enum(WATCH_EVENTS),
  policy: watchPolicy,
  status: z.string(),
  reason: z.string().optional(),
  /** Of a changed price: in 1/100,000 of the currency of the account, for an hour. */
  pricePerHour: z.number().optional(),
  previousPricePerHour: z.number().optional(),
});
export type WatchInstanceResult = z.infer<typeof watchInstanceResult>;

/** `migrate_instance`: moves an instance, such as a reclaimed spot instance, to another machine. */
export const migrateInstancePayload = z.strictObject({
  ...ofInstance,
  maxWaitTime: maxWaitTime.optional(),
  /**
   * `provider`: by the provider's own call, under the same id. `replacement`: another instance is rented, and the old one deleted
   * once the new one runs. Defaults to the provider's call where there is one, and where it has capacity, else a replacement.
   */
  by: z.enum(['provider', 'replacement']).optional(),
  /** The `create_instance` job that rented it: a replacement of one that is gone already has no other way to find it. */
  createJobId: text(128).optional(),
  /** How the instance is watched after that, under whatever id. Defaults to not at all. */
  watch: watchSettings.optional(),
});
export type MigrateInstancePayload = z.infer<typeof migrateInstancePayload>;

/** The `result` of a completed `migrate_instance`. */
export const migrateInstanceResult = z.object({
  /** Of the instance that runs now. */
  novitaInstanceId: z.string(),
  status: z.literal('running'),
  isUnchanged: z.boolean(),
  elapsedTime: z.number(),
  /** The provider's id of the instance that was replaced, and the job that rented the other one. */
  replaced: z.string().optional(),
  createJobId: z.string().optional(),
});
export type MigrateInstanceResult = z.infer<typeof migrateInstanceResult>;

/** `check_instance`: whether an instance runs and its ports answer. */
export const checkInstancePayload = z.strictObject({
  ...ofInstance,
  ...healthFields,
  /** How long the instance may take to become healthy. Defaults to 30,000. */
  maxWaitTime: maxWaitTime.optional(),
});
export type CheckInstancePayload = z.infer<typeof checkInstancePayload>;

/** How one port answered. */
const portAnswer = z.object({
  port: z.number(),
  protocol: z.string(),
  isHealthy: z.boolean(),
  /** HTTP status of the answer. */
  status: z.number().optional(),
  /** Why it is not healthy. */
  error: z.string().optional(),
  durationMs: z.number(),
});
export type PortAnswer = z.infer<typeof portAnswer>;

/** The `result` of a completed `check_instance`: an unhealthy instance is a result, and no failure of the job. */
export const checkInstanceResult = z.object({
  novitaInstanceId: z.string(),
  isHealthy: z.boolean(),
  /** The status of the instance in the words of the provider interface; `terminated` for one that is gone. */
  status: z.string(),
  reason: z.string().optional(),
  ports: z.array(portAnswer),
  elapsedTime: z.number(),
});
export type CheckInstanceResult = z.infer<typeof checkInstanceResult>;

/** `auto_stop`: stops or deletes an instance that nobody has used for a while, or whose lease is over. */
export const autoStopPayload = z
  .strictObject({
    ...ofInstance,
    /** How long it may be idle: from when it was used last, or from when the job began. */
    idleMs: maxWaitTime.optional(),
    /** When its lease is over, however much it is used. `extend_lease` moves it. */
    until: isoTime.optional(),
    /** Defaults to `stop`. */
    action: z.enum(['stop', 'delete']).optional(),
    /** When it was used last, as far as the caller knows. */
    lastUsedAt: isoTime.optional(),
  })
  .refine(({ idleMs, until }) => idleMs !== undefined || until !== undefined, 'needs idleMs or until');
export type AutoStopPayload = z.infer<typeof autoStopPayload>;

/** The `result` of a completed `auto_stop`. */
export const autoStopResult = z.object({
  novitaInstanceId: z.string(),
  /** `ended`: it was stopped or gone already. */
  reason: z.enum(['idle', 'lease_over', 'ended']),
  lastUsedAt: z.string(),
  until: z.string().optional(),
});
export type AutoStopResult = z.infer<typeof autoStopResult>;

/** `extend_lease`: moves the end of the lease that an `auto_stop` job keeps. */
export const extendLeasePayload = z
  .strictObject({
    ...ofInstance,
    /** So much later than its end, or than now where that is over. */
    byMs: z
      .number()
      .int()
      .min(1)
      .max(366 * 24 * 60 * 60 * 1000)
      .optional(),
    /** Until then, sooner or later. */
    until: isoTime.optional(),
    /** The `auto_stop` job. Defaults to the one that `queue.instances.autoStop` has added for the instance. */
    autoStopJobId: text(128).optional(),
  })
  .refine(({ byMs, until }) => (byMs === undefined) !== (until === undefined), 'needs byMs or until');
export type ExtendLeasePayload = z.infer<typeof extendLeasePayload>;

/** The `result` of a completed `extend_lease`. */
export const extendLeaseResult = z.object({ autoStopJobId: z.string(), until: z.string() });
export type ExtendLeaseResult = z.infer<typeof extendLeaseResult>;

/** `keep_lease`: renews the lease of an instance, which the watchdog on it asks for, until the instance is gone. */
export const keepLeasePayload = z.strictObject({
  instanceId: text(100),
  novitaInstanceId: text(MAX_INSTANCE_ID_LENGTH),
  leaseMs: z.number().int().min(1_000),
});
export type KeepLeasePayload = z.infer<typeof keepLeasePayload>;

/** The `result` of a completed `keep_lease`: the instance is gone. */
export const keepLeaseResult = z.object({ novitaInstanceId: z.string(), keptForMs: z.number() });
export type KeepLeaseResult = z.infer<typeof keepLeaseResult>;

/** The product: the engine's queue, with the job types that Jetfleet is made for. */

import { Instances } from './instances/instances.js';
import { createInstance, deleteInstance, monitorInstance } from './instances/jobs.js';
import { ownersToKeep } from './instances/kept-owners.js';
import {
  autoStop,
  checkInstance,
  extendLease,
  keepLease,
  migrateInstance,
  restartInstance,
  startInstance,
  stopInstance,
  watchInstance,
} from './instances/lifecycle-jobs.js';
import { listProviders, type ShownProvider } from './instances/provider-health.js';
import type { JobDefinition } from './jobs/define-job.js';
import type { JobOptions, NewJob } from './jobs/job-options.js';
import type { JobPriority } from './jobs/vocabulary.js';
import { JobQueueService as EngineQueue } from './queue/job-queue-service.js';
import type { JobQueueOptions } from './queue/queue-connection.js';
import type { QueueExtension } from './queue/queue-extension.js';
import { WebhookEndpoints } from './webhooks/endpoints/webhook-endpoints.js';
import { sendWebhook } from './webhooks/jobs.js';
import { lifecycleWebhook } from './webhooks/lifecycle-webhook.js';

/** The job types that Jetfleet handles itself, by the names of the in-memory queue. */
export const JobType = {
  CREATE_INSTANCE: 'create_instance',
  MONITOR_INSTANCE: 'monitor_instance',
  DELETE_INSTANCE: 'delete_instance',
  START_INSTANCE: 'start_instance',
  STOP_INSTANCE: 'stop_instance',
  RESTART_INSTANCE: 'restart_instance',
  MIGRATE_INSTANCE: 'migrate_instance',
  CHECK_INSTANCE: 'check_instance',
  AUTO_STOP: 'auto_stop',
  EXTEND_LEASE: 'extend_lease',
  WATCH_INSTANCE: 'watch_instance',
  KEEP_LEASE: 'keep_lease',
  SEND_WEBHOOK: 'send_webhook',
} as const;
/** A built-in type or a user's own, snake_case. */
export type JobType = keyof BuiltInPayloads | (string & {});

type PayloadFor<D> = D extends JobDefinition<infer Types> ? Types['input'] : never;

/** The payloads of the built-in job types, for typed `addJob` calls. */
export interface BuiltInPayloads {
  create_instance: PayloadFor<typeof createInstance>;
  monitor_instance: PayloadFor<typeof monitorInstance>;
  delete_instance: PayloadFor<typeof deleteInstance>;
  start_instance: PayloadFor<typeof startInstance>;
  stop_instance: PayloadFor<typeof stopInstance>;
  restart_instance: PayloadFor<typeof restartInstance>;
  migrate_instance: PayloadFor<typeof migrateInstance>;
  check_instance: PayloadFor<typeof checkInstance>;
  auto_stop: PayloadFor<typeof autoStop>;
  extend_lease: PayloadFor<typeof extendLease>;
  watch_instance: PayloadFor<typeof watchInstance>;
  keep_lease: PayloadFor<typeof keepLease>;
  send_webhook: PayloadFor<typeof sendWebhook>;
}
type PayloadOf<T extends string> = T extends keyof BuiltInPayloads ? BuiltInPayloads[T] : unknown;
/** Jobs of `addJobs`, the payload of each as its type asks for. */
type NewJobs<Types extends readonly string[]> = {
  readonly [Index in keyof Types]: NewJob & { type: Types[Index]; payload: PayloadOf<Types[Index]> };
};

const instances: QueueExtension = {
  jobs: [
    ...[createInstance, monitorInstance, deleteInstance],
    ...[startInstance, stopInstance, restartInstance, migrateInstance, checkInstance],
    ...[autoStop, extendLease, watchInstance, keepLease],
  ],
  ownersToKeep,
};
const webhooks: QueueExtension = { jobs: [sendWebhook], stream: 'webhooks', afterEach: lifecycleWebhook };

/**
 * The queue: adds jobs and tells about them. It connects on its first use, and holds nothing but the connection, so
 * any number of processes may have one. It knows the types of instances and webhooks.
 */
export class JobQueueService extends EngineQueue {
  /** Where webhooks go besides the `webhookUrl` of a job. */
  readonly webhookEndpoints: WebhookEndpoints;
  /** Jobs of instances that exist, by the job that rented them. */
  readonly instances: Instances;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(options: JobQueueOptions = {}) {
    super(options, [instances, webhooks]);
    this.instances = new Instances(this);
    this.webhookEndpoints = new WebhookEndpoints(this, (options.env ?? process.env).JETFLEET_WEBHOOK_KEYS);
  }

  override addJob<T extends JobType>(
    type: T,
    payload: PayloadOf<T>,
    priority?: JobPriority,
    options?: JobOptions,
  ): Promise<string> {
    return super.addJob(type, payload, priority, options);
  }

  override addJobs<const Types extends readonly string[]>(jobs: NewJobs<Types>): Promise<string[]> {
    return super.addJobs(jobs);
  }

  /** Providers of instances and their regions that have failed, and whether their offers are used. */
  async providers(): Promise<ShownProvider[]> {
    return listProviders(await this.broker());
  }

  /**
   * Sends a webhook once more: a failed one under its own id, a delivered one under a new one.
   * @returns the id of the job that delivers it
   * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError when it is still being delivered
   */
  redeliver(id: string): Promise<string> {
    return this.rerun(sendWebhook, id);
  }
}

import type { BrokerOptions } from '../broker/broker-options.js';
import type { Codec } from '../jobs/codec.js';
import type { JobDefinition } from '../jobs/define-job.js';
import type { OptionNames } from '../jobs/options.js';
import type { Retention } from '../jobs/retention.js';
import type { Logger } from '../telemetry/logger.js';
import type { Tracing } from '../telemetry/tracing.js';

/** How to reach the broker; everything is optional. */
export interface JobQueueOptions extends Omit<BrokerOptions, 'logger' | 'lookOnly' | 'known' | 'sealer'> {
  /**
   * Whether the queue creates missing streams on its first use. With `false` it refuses to work instead, until somebody has run
   * `setup`: a wrong namespace is noticed. Workers on it create what they need in any case. Defaults to true.
   */
  createStreams?: boolean;
  /**
   * The definitions of your job types. Whoever cancels a job, or ends it otherwise, adds what follows from it by `after` of its
   * type. A definition that is given to `add`, `addJobs` or a worker on this queue is known from then on. Those of
   * instances and webhooks are known already.
   */
  jobs?: readonly JobDefinition[];
  /**
   * How payloads, results, checkpoints, progress, signals and reports are stored: by one codec, or by several in their order, such as
   * `[compression(), encryption({ keys, current })]`. Every process that adds, runs or reads jobs of the queue needs those that
   * encrypt. Defaults to plain JSON.
   */
  codec?: Codec | readonly Codec[];
  /**
   * What workers on this queue keep of the ended jobs of their types, where these do not say so themselves. Applied by workers and by
   * `jetfleet server`, every few minutes. Defaults to all records, as long as EVENTS keeps them.
   * @example retention: { completed: { maxAgeMs: 3_600_000, maxCount: 10_000 }, failed: { maxAgeMs: 7 * 86_400_000 } }
   */
  retention?: Retention;
  /**
   * Traces and measures the jobs that this queue adds and that workers on it run: `openTelemetry()` of `jetfleet/opentelemetry`. Defaults
   * to none.
   */
  tracing?: Tracing;
  /** A pino logger, or anything of its shape. Defaults to silence. */
  logger?: Logger;
}

export const QUEUE_OPTIONS: OptionNames<Required<JobQueueOptions>> = {
  servers: true,
  connection: true,
  namespace: true,
  user: true,
  password: true,
  token: true,
  nkey: true,
  credsFile: true,
  tls: true,
  inboxPrefix: true,
  name: true,
  connectTimeoutMs: true,
  replicas: true,
  eventsMaxAgeMs: true,
  ackWaitMs: true,
  commit: true,
  sync: true,
  maxObjectBytes: true,
  createStreams: true,
  jobs: true,
  codec: true,
  retention: true,
  tracing: true,
  logger: true,
  env: true,
};

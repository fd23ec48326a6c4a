import type { NatsConnection } from '@nats-io/transport-node';
import type { KnownJobs } from '../jobs/known-jobs.js';
import type { Logger } from '../telemetry/logger.js';
import type { Sealer } from '../wire/sealer.js';
import type { ConnectOptions } from './connection/connection.js';
import type { CommitLogOptions, ServerSync } from './publish/commit-options.js';
import type { TopologyOptions } from './topology/stream-config.js';

export interface BrokerOptions extends ConnectOptions, TopologyOptions {
  /** An open connection to use instead of opening one; it is left open on close. */
  connection?: NatsConnection;
  /** Prefix of every subject and stream. Defaults to JETFLEET_NAMESPACE, else none. */
  namespace?: string;
  commit?: CommitLogOptions;
  /**
   * When the server flushes: `always` before it confirms a write (`sync_interval: always`), or `periodic`. Writes to a single server
   * that flushes periodically go one by one instead of in batches, as long as they are few hundreds. No client can ask
   * the server; `jetfleet doctor --monitor-url` compares. Defaults to JETFLEET_SYNC, else `always`.
   */
  sync?: ServerSync;
  /**
   * Largest payload or result in bytes of JSON, at most 64 MiB, that is kept as an object where it is too large for a message: payloads over
   * 512 KiB, results over 128 KiB. Of workers it says so for results. Defaults to JETFLEET_MAX_OBJECT_BYTES, else 0: these are refused.
   */
  maxObjectBytes?: number;
  /** Only look whether the streams are there. Defaults to false: missing ones are made. */
  lookOnly?: boolean;
  /** The job types that this process knows; it may grow. */
  known: KnownJobs;
  logger: Logger;
  /** Seals what jobs carry, and opens it. Defaults to one that only opens what is compressed. */
  sealer?: Sealer;
}

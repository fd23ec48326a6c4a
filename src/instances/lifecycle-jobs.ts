/** The job types of instances that exist: each takes the caller's id of the instance, and the provider's. */
import { defineJob } from '../jobs/define-job.js';
import { defined } from '../jobs/defined.js';
import type { NextJob } from '../jobs/job-options.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_MAX_ATTEMPTS } from '../jobs/limits.js';
import { textField } from '../jobs/text-field.js';
import {
  autoStopPayload,
  autoStopResult,
  checkInstancePayload,
  checkInstanceResult,
  extendLeasePayload,
  extendLeaseResult,
  keepLeasePayload,
  keepLeaseResult,
  migrateInstancePayload,
  migrateInstanceResult,
  orderInstancePayload,
  orderInstanceResult,
  watchInstancePayload,
  watchInstanceResult,
} from './schemas.js';

/** The signals of an `auto_stop` job: the instance was used, `{ at }` or null for now; its lease ends, `{ until }`. */
export const USED = 'used';
export const LEASE = 'lease';
/** The signal of a `watch_instance` job: something may have happened to its instance. */
export const CHANGED = 'changed';

/** Starts an instance that was stopped, and completes once it runs and is healthy. */
export const startInstance = defineJob({
  type: 'start_instance',
  payload: orderInstancePayload,
  stores: 'parsed',
  result: orderInstanceResult,
});

/** Stops an instance, and completes once it has stopped. */
export const stopInstance = defineJob({
  type: 'stop_instance',
  payload: orderInstancePayload,
  stores: 'parsed',
  result: orderInstanceResult,
});

/** Restarts an instance, and completes once it runs again. */
export const restartInstance = defineJob({
  type: 'restart_instance',
  payload: orderInstancePayload,
  stores: 'parsed',
  result: orderInstanceResult,
});

/** Moves an instance to another machine: by its provider, or by another instance, after which the old one is deleted. */
export const migrateInstance = defineJob({
  type: 'migrate_instance',
  payload: migrateInstancePayload,
  stores: 'parsed',
  result: migrateInstanceResult,
  after: (job) => watchAfter(job),
});

/** Checks whether an instance runs and its ports answer. */
export const checkInstance = defineJob({
  type: 'check_instance',
  payload: checkInstancePayload,
  stores: 'parsed',
  result: checkInstanceResult,
  concurrency: 50,
});

/**
 * Waits until an instance is idle for too long, or its lease is over, and has it stopped or deleted then. One for each instance. The signal
 * `used` says that it is used, and `extend_lease` moves the end of its lease.
 */
export const autoStop = defineJob({
  type: 'auto_stop',
  payload: autoStopPayload,
  stores: 'parsed',
  result: autoStopResult,
  unique: { key: ({ novitaInstanceId }) => novitaInstanceId },
  concurrency: 50,
});

/** Moves the end of the lease that an `auto_stop` job keeps. */
export const extendLease = defineJob({
  type: 'extend_lease',
  payload: extendLeasePayload,
  stores: 'parsed',
  result: extendLeaseResult,
});

/** Watches an instance that runs, and reports what happens to it. */
export const watchInstance = defineJob({
  type: 'watch_instance',
  payload: watchInstancePayload,
  stores: 'parsed',
  result: watchInstanceResult,
  // What is watched runs on: only time ends that, not lost workers.
  maxAttempts: MAX_MAX_ATTEMPTS,
  concurrency: 50,
});

/** A migration that a watch has begun is followed by another watch: of the instance that runs now, or of the old one where it failed. */
function watchAfter({ status, payload, result }: JobRecord): NextJob[] {
  const { success, data } = migrateInstancePayload.safeParse(payload);
  if (!success || !data.watch) return [];
  const { instanceId, watch, createJobId } = data;
  const { reported = [] } = watch;
  if (status === 'completed') {
    const novitaInstanceId = textField(result, 'novitaInstanceId') ?? data.novitaInstanceId;
    const owner = textField(result, 'createJobId') ?? createJobId;
    // What another instance costs is not what this one did.
    const isSame = novitaInstanceId === data.novitaInstanceId;
    const pricePerHour = isSame ? watch.pricePerHour : undefined;
    const known = defined({ ...watch, pricePerHour, createJobId: owner });
    const next = { ...known, instanceId, novitaInstanceId, reported: [] };
    return [watchInstance.next(next, { idSuffix: 'watch' })];
  }
  if (reported.includes('deleted')) return [];
  const same = { instanceId, novitaInstanceId: data.novitaInstanceId, ...defined({ createJobId }) };
  return [watchInstance.next({ ...watch, ...same }, { idSuffix: 'watch' })];
}

/** Renews the lease of an instance until that is gone. Each renewal is a record. */
export const keepLease = defineJob({
  type: 'keep_lease',
  payload: keepLeasePayload,
  stores: 'parsed',
  result: keepLeaseResult,
  // The instance ends when this job does.
  maxAttempts: MAX_MAX_ATTEMPTS,
  concurrency: 50,
});

/** The job types of instances: rent one, watch it until it runs, delete it. */
import { defineJob } from '../jobs/define-job.js';
import type { NextJob } from '../jobs/job-options.js';
import { MAX_MAX_ATTEMPTS } from '../jobs/limits.js';
import { rentedByCreate, rentedByMonitor } from './compensation.js';
import {
  createInstancePayload,
  createInstanceResult,
  type DeleteInstancePayload,
  deleteInstancePayload,
  deleteInstanceResult,
  monitorInstancePayload,
  monitorInstanceResult,
} from './schemas.js';

/** An instance that is to be deleted costs money until it is gone: only time ends that, not lost workers. */
export const DELETE_MAX_ATTEMPTS = MAX_MAX_ATTEMPTS;

/** Deletes what a job has rented, until the provider says that it is gone. */
export const deleteInstance = defineJob({
  type: 'delete_instance',
  payload: deleteInstancePayload,
  stores: 'parsed',
  result: deleteInstanceResult,
});

/** Rents exactly one instance. Whatever a failed one has rented is deleted. */
export const createInstance = defineJob({
  type: 'create_instance',
  payload: createInstancePayload,
  stores: 'parsed',
  result: createInstanceResult,
  after: (job) => deletionOf(rentedByCreate(job)),
});

/** Watches an instance until it runs. One that nobody will use is deleted. */
export const monitorInstance = defineJob({
  type: 'monitor_instance',
  payload: monitorInstancePayload,
  stores: 'parsed',
  result: monitorInstanceResult,
  // Polls hold a slot for one call only, so many instances can be watched at once.
  concurrency: 50,
  after: (job) => deletionOf(rentedByMonitor(job)),
});

function deletionOf(rented: DeleteInstancePayload | undefined): NextJob[] {
  return rented
    ? [deleteInstance.next(rented, { idSuffix: 'delete', maxAttempts: DELETE_MAX_ATTEMPTS })]
    : [];
}

import type { Broker } from '../broker/broker.js';
import { type AddedJob, addNamed, addNew } from './job-add.js';
import type { CheckedJob } from './job-request.js';
import { addUnique, type UniqueJob } from './unique/add-unique.js';
import { addDebounced, type DebouncedJob } from './unique/debounce.js';

/** Adds a checked job, in the way that it asks for. */
export function addChecked(broker: Broker, job: CheckedJob): Promise<AddedJob> {
  if (job.unique) return addKept(broker, job as UniqueJob | DebouncedJob);
  return job.request.isNew ? addNew(broker, job) : addNamed(broker, job);
}

function addKept(broker: Broker, job: UniqueJob | DebouncedJob): Promise<AddedJob> {
  return isDebounced(job) ? addDebounced(broker, job) : addUnique(broker, job);
}

function isDebounced(job: UniqueJob | DebouncedJob): job is DebouncedJob {
  return job.unique.scope === 'waiting';
}

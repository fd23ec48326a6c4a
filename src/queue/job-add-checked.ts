import { isDeepStrictEqual } from 'node:util';
import type { Broker } from '../broker/broker.js';
import { JetfleetError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { MAX_PAYLOAD_BYTES } from '../jobs/limits.js';
import { isReference, OBJECT } from '../jobs/stored-object.js';
import { type AddedJob, addNamed, addNew, isTaken } from './job-add.js';
import { findJob } from './job-lookup.js';
import type { CheckedJob } from './job-request.js';
import { addUnique, type UniqueJob } from './unique/add-unique.js';
import { addDebounced, type DebouncedJob } from './unique/debounce.js';

/** Adds a checked job, in the way that it asks for. */
export function addChecked(broker: Broker, job: CheckedJob): Promise<AddedJob> {
  return isForObject(broker, job) ? addLarge(broker, job) : addAsked(broker, job);
}

/** Whether the payload of a job is to be an object: it is too large for a message, or may be once it is sealed. */
export function isForObject({ extra, sealer }: Broker, { body, isLarge }: LargeOrNot): boolean {
  if (isLarge || !sealer.seals) return isLarge === true;
  return extra.objects.takes(Buffer.byteLength(body), MAX_PAYLOAD_BYTES);
}

type LargeOrNot = Pick<CheckedJob, 'body'> & { isLarge?: boolean };

/**
 * Stores the payload as an object, and then the job. The object goes again where the job is not added; what a crash leaves, or a call of which it is
 * not known whether it was stored, the sweeper finds.
 */
async function addLarge(broker: Broker, job: CheckedJob): Promise<AddedJob> {
  const { request, body } = job;
  const payload = await broker.extra.objects.put(request, 'payload', body);
  // A right that is missing here is the sweeper's.
  const remove = () => broker.extra.objects.remove(request.id, payload[OBJECT]).catch(() => {});
  const asked = { ...job, request: { ...request, payload }, body: JSON.stringify(payload) };
  try {
    const added = await addAsked(broker, asked);
    if (!added.created) await remove();
    return added;
  } catch (error) {
    const isRefused = isTaken(error) || JetfleetError.is(error, 'JETFLEET_UNIQUE_TAKEN');
    if (!isRefused) throw error;
    await remove();
    const known = isTaken(error) ? await sameAs(broker, job) : undefined;
    if (!known) throw error;
    return { id: known.id, created: false, known };
  }
}

/** The job of the same id, type and payload, where a codec has encrypted the payload otherwise. */
async function sameAs(broker: Broker, { request, body }: CheckedJob): Promise<JobRecord | undefined> {
  const known = await findJob(broker, request.id);
  if (known?.type !== request.type || !isReference(known.payload)) return undefined;
  const payload = await broker.extra.objects.resolve(known, known.payload);
  return isDeepStrictEqual(payload, JSON.parse(body)) ? known : undefined;
}

function addAsked(broker: Broker, job: CheckedJob): Promise<AddedJob> {
  if (job.unique) return addKept(broker, job as UniqueJob | DebouncedJob);
  return job.request.isNew ? addNew(broker, job) : addNamed(broker, job);
}

function addKept(broker: Broker, job: UniqueJob | DebouncedJob): Promise<AddedJob> {
  return isDebounced(job) ? addDebounced(broker, job) : addUnique(broker, job);
}

function isDebounced(job: UniqueJob | DebouncedJob): job is DebouncedJob {
  return job.unique.scope === 'waiting';
}

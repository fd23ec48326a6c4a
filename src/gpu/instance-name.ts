import { createHash } from 'node:crypto';

/** Every instance that Jetfleet rents has a name that begins so; nothing else is ever touched. */
export const INSTANCE_NAME_PREFIX = 'jetfleet-';

const READABLE_LENGTH = 36;
const HASH_LENGTH = 12;

/** The job that an instance is rented for, as far as its name goes. */
export interface NamedJob {
  id: string;
  /** Tells a job from an earlier one of the same id, whose instance may still run. */
  createdAt: string;
  /** A job that is tried anew never adopts what its failed life left behind. */
  redrives?: number;
}

/**
 * The provider's name for the instance of a job: readable, at most 60 of `[a-z0-9-]`, and the same for every
 * attempt. The hash keeps jobs apart that differ only in case, in characters which names cannot have, in their
 * namespace, or in their time.
 */
export function instanceNameFor({ id, createdAt, redrives = 0 }: NamedJob, namespace = ''): string {
  const identity = `${namespace}/${id}/${createdAt}/${redrives}`;
  return `${instanceNameStem(id)}${createHash('sha256').update(identity).digest('hex').slice(0, HASH_LENGTH)}`;
}

/** A record that claims more lives than any job has had is not believed further. */
export const MAX_LIVES = 1_000;

/** The names under which a job rents, in its present life first, then in those before its redrives. */
export function instanceNamesOf(job: NamedJob, namespace = ''): string[] {
  const lives = Math.min(job.redrives ?? 0, MAX_LIVES);
  const before = Array.from({ length: lives }, (_, redrives) =>
    instanceNameFor({ ...job, redrives }, namespace),
  );
  return [instanceNameFor(job, namespace), ...before];
}

/** How the name of a job's instance begins, whatever its namespace and time. */
export function instanceNameStem(jobId: string): string {
  const readable = jobId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, READABLE_LENGTH);
  return `${INSTANCE_NAME_PREFIX}${readable ? `${readable}-` : ''}`;
}

import { createHash } from 'node:crypto';

/** Every instance that Jetfleet rents has a name that begins so; nothing else is ever touched. */
export const INSTANCE_NAME_PREFIX = 'jetfleet-';

const READABLE_LENGTH = 36;
const HASH_LENGTH = 12;

/**
 * The provider's name for the instance of a job: readable, at most 60 of `[a-z0-9-]`, and the same for every
 * attempt. The hash keeps ids apart that differ only in case or in characters which names cannot have.
 */
export function instanceNameFor(jobId: string, namespace = ''): string {
  const readable = jobId
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, READABLE_LENGTH);
  const hash = createHash('sha256').update(`${namespace}/${jobId}`).digest('hex').slice(0, HASH_LENGTH);
  return `${INSTANCE_NAME_PREFIX}${readable ? `${readable}-` : ''}${hash}`;
}

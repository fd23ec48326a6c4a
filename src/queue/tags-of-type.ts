import type { JobRequest } from '../jobs/job-record.js';
import type { KnownJobs } from '../jobs/known-jobs.js';
import { tagsOfJob } from '../jobs/tags.js';

/**
 * A job with the tags that its type says, as far as they are not on it. For jobs that nobody asks for any more, and those that
 * were published without Jetfleet: tags that cannot be had are no reason to fail them.
 */
export function withTagsOfType(known: Pick<KnownJobs, 'get'>, request: JobRequest): JobRequest {
  const ofType = known.get(request.type)?.tags;
  if (ofType === undefined) return request;
  try {
    const tags = tagsOfJob(request, ofType);
    return tags ? { ...request, tags } : request;
  } catch {
    return request;
  }
}

import type { JobFamily } from './family.js';
import { maskText } from './mask-text.js';

/** A family as it is shown to people: without secrets in the messages of its errors. */
export function shownFamily(family: JobFamily): JobFamily {
  return {
    ...family,
    jobs: family.jobs.map(({ error, ...job }) =>
      error ? { ...job, error: { ...error, message: maskText(error.message) } } : job,
    ),
  };
}

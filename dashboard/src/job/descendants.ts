import type { JobRecord } from '../api/answers.js';

/** A job that came of another one, with what came of it. */
export interface Descendant {
  job: JobRecord;
  isWebhook: boolean;
  children: Descendant[];
}

/** All that came of a job, in the order in which the page shows it. */
export function flat(descendants: readonly Descendant[]): Descendant[] {
  return descendants.flatMap((each) => [each, ...flat(each.children)]);
}

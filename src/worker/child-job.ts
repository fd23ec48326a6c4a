import type { NewJob } from '../jobs/job-options.js';
import type { OnFailure } from '../jobs/vocabulary.js';

/** A job that a handler adds as its child. Its id is derived from its parent's. */
export interface ChildJob extends Omit<NewJob, 'id' | 'traceparent' | 'tracestate' | 'unique' | 'debounce'> {
  /** Stands in its id, 1 to 64 of `A-Z a-z 0-9 _ -`. Defaults to its place. */
  key?: string;
}

/** How a handler waits for its children. */
export interface ChildrenOptions {
  /** What the failure of one means. Defaults to `fail`. */
  onFailure?: OnFailure;
}

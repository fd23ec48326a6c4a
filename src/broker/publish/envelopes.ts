import type { JobRequest } from '../../jobs/job-record.js';
import { Header } from '../../wire/headers.js';
import { optionHeaders } from '../../wire/job-message.js';
import { type Subjects, workKindOf } from '../../wire/subjects.js';
import type { Append } from './commit-options.js';
import { headerLines } from './commit-options.js';

/** Message ids of Jetfleet, apart from those that producers choose. */
const MESSAGE_ID = `${Header.MSG_ID}: jetfleet:`;

/**
 * The messages of jobs whose ids were made for them. Subject and headers are made once for jobs in a row that have type,
 * priority and options in common, as a long list mostly has.
 */
export class Envelopes {
  readonly #subjects: Subjects;
  #last: JobRequest | undefined;
  #subject = '';
  #lines = '';

  constructor(subjects: Subjects) {
    this.#subjects = subjects;
  }

  /**
   * @param body the payload as JSON
   * @throws TypeError for an option with a line break
   */
  appendOf({ request, body }: { request: JobRequest; body: string }): Append {
    if (!this.#last || !isAlike(request, this.#last)) this.#open(request);
    const { id } = request;
    return {
      subject: `${this.#subject}.${id}`,
      data: body,
      headers: `${MESSAGE_ID}${id}\r\n${this.#lines}`,
    };
  }

  #open(request: JobRequest): void {
    const { type, priority } = request;
    // Nothing is kept of one that cannot be sent.
    const lines = headerLines(optionHeaders(request));
    this.#subject = this.#subjects.work({ kind: workKindOf(type), priority, type });
    this.#lines = lines;
    this.#last = request;
  }
}

function isAlike(one: JobRequest, other: JobRequest): boolean {
  return (
    one.type === other.type &&
    one.priority === other.priority &&
    one.maxAttempts === other.maxAttempts &&
    one.timeoutMs === other.timeoutMs &&
    one.webhookUrl === other.webhookUrl &&
    one.traceparent === other.traceparent &&
    one.tracestate === other.tracestate &&
    one.parentId === other.parentId
  );
}

import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';
import { ANY } from '../../wire/subjects.js';
import { assertFilter, fitting, rangeOf } from '../list/job-filter.js';

/** Which of the dead letters to take: of FAILED jobs all but those that somebody cancelled. What is left out fits each. */
export interface DeadLetterFilter {
  type?: string;
  /** Only those that failed at this time or later. */
  since?: Date | string;
  /** Only those that failed at this time or earlier. */
  until?: Date | string;
  /** Only those whose error has this code. */
  errorCode?: string;
  /** Only those of one cause, by its id: see `deadLetters.causes`. */
  cause?: string;
  /** Only those that have all of these tags. */
  tags?: readonly string[];
}

export const DEAD_LETTER_FILTER: OptionNames<Required<DeadLetterFilter>> = {
  type: true,
  since: true,
  until: true,
  errorCode: true,
  cause: true,
  tags: true,
};

/** @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_TAG_INVALID` */
export function checkDeadLetterFilter(filter: DeadLetterFilter): void {
  assertOptions('filter', filter, DEAD_LETTER_FILTER);
  assertFilter(filter);
  rangeOf(filter);
}

export interface DeadLetter {
  job: JobRecord;
  /** The event of its failure. */
  event: StoredMessage;
}

/** By how much the broker's clock may differ from what is taken for it here. */
const CLOCKS_DIFFER_MS = 5_000;

/**
 * Those that fit, oldest first: of so many failures at a time, which may be none. What fails long after the first was asked for is
 * not among them, since a job may fail again while this goes on.
 */
export async function* deadLetterPages(
  broker: Broker,
  filter: DeadLetterFilter,
  pageSize: number,
): AsyncGenerator<DeadLetter[]> {
  const { subjects, read, clock } = broker;
  const fits = fitting({ ...filter, deadLetters: true }, rangeOf(filter));
  const endMs = clock.now() + CLOCKS_DIFFER_MS;
  const failures = subjects.event(filter.type ?? ANY, 'failed', ANY);
  for await (const page of read.pages(subjects.streamName('events'), failures, 1, pageSize))
    yield page.flatMap((event) => {
      const job = event.timeMs <= endMs ? broker.recordOf(event) : undefined;
      return job && fits(job) ? [{ job, event }] : [];
    });
}

/** Why jobs have failed, as a queue tells it. */

export interface Cause {
  /** Ten hexadecimal digits; the same for the same code and message, in every process. */
  id: string;
  code: string;
  /** Numbers, ids, times, URLs and quoted texts stand as `<n>`, `<id>`, `<time>`, `<url>` and `<text>`. */
  message: string;
}

/** Dead letters that failed alike. */
export interface DeadLetterCause extends Cause {
  /** How many there are. */
  count: number;
  /** Their types, at most 20. */
  types: string[];
  /** The workers on which they failed, at most 20. */
  workers: string[];
  /** How many failed in each part of {@link DeadLetterCauses.trend}, oldest first. */
  trend: number[];
  /** When the first and the last one of them failed, ISO 8601. */
  firstAt: string;
  lastAt: string;
  /** The last one of them: its id, and its message as it is. */
  sample: { id: string; message: string };
}

export interface DeadLetterCauses {
  /** The most frequent one comes first. */
  causes: DeadLetterCause[];
  /** The time of the trends: 24 parts up to now, or to the end of the filter, which begin a day before, or where the filter does. */
  trend: { since: string; stepMs: number };
  /** Dead letters that fit the filter. */
  total: number;
  /** Those of them that belong to none of `causes`: the first 1,000 causes that are met are told apart. */
  others: number;
}

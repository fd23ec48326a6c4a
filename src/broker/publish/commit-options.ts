/** What goes into a commit log, and how it may be set. */
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { checkInteger } from '../../jobs/numbers.js';
import { assertOptions } from '../../jobs/options.js';
import type { HeaderList } from '../../wire/headers.js';

/** One message to be stored. */
export interface Append {
  subject: string;
  /** Text is stored as UTF-8. */
  data: string | Uint8Array;
  /** As a list, or as the lines that `headerLines` makes of one. */
  headers?: HeaderList | string;
  /** Store it only while the last message on `filter` has the sequence `lastSeq`; 0 for none at all. */
  expect?: { filter: string; lastSeq: number };
  /** It was sent before, and may be stored already: a conflict may be with itself. */
  maybeStored?: boolean;
}

export interface Appended {
  /** Sequence in the stream. */
  seq: number;
  /** The stream held a message of the same `Nats-Msg-Id` already. */
  duplicate: boolean;
}

/** Gives the caller the answer to its write. */
export type Settle = (outcome: Appended | Error) => void;

/** The last message on a filter: after a lost answer it shows whether a write is stored. */
export type ReadLast = (filter: string) => Promise<{ seq: number; data: Uint8Array } | undefined>;

export interface CommitLogOptions {
  /** From how many waiting writes on they go as one batch; fewer go one by one. Defaults to 16. */
  batchFrom?: number;
  /**
   * Most messages in a batch. Defaults to 5,000, which a server takes that is set to it (`jetstream { limits { batch { max_msgs:
   * 5000 } } }`); another one refuses the first that is larger than 1,000, and they have 1,000 from then on.
   */
  maxBatch?: number;
  /** Most bytes in a batch. Defaults to 4 MiB. */
  maxBatchBytes?: number;
  /** Batches, or groups of fewer single writes than `batchFrom`, that wait for their answers at once. Defaults to 4. */
  maxInFlight?: number;
  /**
   * While one answer is awaited, writes gather until they are so many, or the answer comes; while several are, until
   * they fill a batch. Defaults to 128.
   */
  gather?: number;
  /** Writes that may be without an answer; one more is refused. Defaults to 20,000. */
  maxWaiting?: number;
  /** Bytes that may be without an answer; more are refused. Defaults to 64 MiB. */
  maxWaitingBytes?: number;
  /** How long the broker has to confirm a write before it is sent again. Defaults to 2,000. */
  confirmTimeoutMs?: number;
  /** When to give up on a write that nobody confirms. Defaults to 30,000. */
  giveUpMs?: number;
}

/** See {@link CommitLogOptions}. */
export const COMMIT_DEFAULTS: Readonly<Required<CommitLogOptions>> = {
  batchFrom: 16,
  maxBatch: 5_000,
  maxBatchBytes: 4 * 1024 * 1024,
  maxInFlight: 4,
  gather: 128,
  maxWaiting: 20_000,
  maxWaitingBytes: 64 * 1024 * 1024,
  confirmTimeoutMs: 2_000,
  giveUpMs: 30_000,
};

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkCommitOptions(options: CommitLogOptions = {}): void {
  assertOptions('commit', options, COMMIT_DEFAULTS);
  checkInteger('commit.maxBatch', options.maxBatch, 1, 5_000);
  for (const [name, value] of Object.entries(options)) checkInteger(`commit.${name}`, value, 1);
}

/** When the server flushes a write to disk: before it confirms it, or every so often. */
export type ServerSync = 'always' | 'periodic';

/** @throws ValidationError `JETFLEET_OPTION_INVALID` unless it is `always`, `periodic` or undefined */
export function checkSync(value: unknown): asserts value is ServerSync | undefined {
  if (value === undefined || value === 'always' || value === 'periodic') return;
  throw invalidOption(`sync (JETFLEET_SYNC) must be always or periodic, got ${excerptOf(value)}`);
}

/**
 * Headers as the lines that go over the wire. The client's own class checks and canonicalises every value once more
 * for each message, which was a tenth of what a publish costs.
 * @throws TypeError for a value with a line break
 */
export function headerLines(headers: HeaderList): string {
  let lines = '';
  for (const [name, value] of headers) {
    if (/[\r\n]/.test(value))
      throw new TypeError(`header ${name} has a line break: ${JSON.stringify(value)}`);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

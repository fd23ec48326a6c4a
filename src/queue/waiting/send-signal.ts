import type { Broker } from '../../broker/broker.js';
import { ConflictError } from '../../jobs/errors.js';
import { assertJobId, generateJobId } from '../../jobs/job-id.js';
import { MAX_SIGNAL_BYTES } from '../../jobs/limits.js';
import { assertOptions, checkName, type OptionNames } from '../../jobs/options.js';
import { assertSignalName, invalidSignal, signalText, tooLong } from '../../jobs/signals.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { findJob } from '../job-lookup.js';

/** How a signal is sent. */
export interface SendSignalOptions {
  /** The same key for the same job and name within two minutes is one signal. Defaults to a new one. */
  key?: string;
}

const SEND_OPTIONS: OptionNames<Required<SendSignalOptions>> = { key: true };

/** What became of a signal. */
export interface SentSignal {
  /** Whether there is a job of this id yet. A signal that comes first is kept for it. */
  isKnown: boolean;
  /** Whether a signal of the same `key` was there already. */
  isRepeated: boolean;
}

export interface CheckedSignal {
  jobId: string;
  name: string;
  body: string;
  key: string;
}

/** @throws ValidationError `JETFLEET_ID_INVALID`, `JETFLEET_SIGNAL_INVALID`, `JETFLEET_OPTION_INVALID` */
export function checkSignal(
  jobId: string,
  name: string,
  data: unknown,
  options: SendSignalOptions,
): CheckedSignal {
  assertJobId(jobId);
  assertSignalName(name);
  assertOptions('options', options, SEND_OPTIONS);
  checkName('key', options.key);
  return { jobId, name, body: signalText(data), key: options.key ?? generateJobId() };
}

/** @throws ConflictError when the job has ended; ValidationError `JETFLEET_SIGNAL_INVALID` for data that are too large once they are sealed */
export async function sendSignal(broker: Broker, signal: CheckedSignal): Promise<SentSignal> {
  const { jobId, name, body, key } = signal;
  const job = (await broker.lastEvent(jobId))?.record ?? (await findJob(broker, jobId));
  if (job && isTerminal(job.status))
    throw new ConflictError(`job ${jobId} is ${job.state} already, so no signal reaches it`);
  const data = broker.sealer.sealText(body, { type: '', field: 'signal' });
  if (data.length > MAX_SIGNAL_BYTES) throw invalidSignal(tooLong(data.length));
  const { duplicate } = await broker.signals.send({ jobId, name }, data, key);
  return { isKnown: job !== undefined, isRepeated: duplicate };
}

/**
 * Reads along with what a handler reports, until its job has ended. Nothing is made in the broker for it: each write is heard as the core
 * NATS message that it is, which is a hint to read the stream on, and so is the transition that ends the job.
 */
import type { Broker } from '../../broker/broker.js';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { OptionNames } from '../../jobs/options.js';
import { isTerminal } from '../../jobs/vocabulary.js';
import { type ActivityKind, type ActivityMessage, decodeActivity } from '../../wire/activity.js';
import { answered, Hints } from '../hints.js';
import { findJob } from '../job-lookup.js';

export interface FollowOptions {
  /** Ends the stream, and not the job. */
  signal?: AbortSignal;
}

export const FOLLOW_OPTIONS: OptionNames<Required<FollowOptions>> = { signal: true };

const PAGE = 100;
/** How long the last reports of a job that has ended may take to reach the replica that is asked, and when to read again. */
const LAST_WITHIN_MS = 2_000;
const LAST_AGAIN_MS = 100;

export interface Followed {
  job: JobRecord;
  message: ActivityMessage;
}

/**
 * Every message of one kind that is kept of a job, and those that come, until the job has ended.
 * @param expected how many items the job has reported by the record of its end, if that says so
 * @throws JetfleetError `JETFLEET_NOT_FOUND`, `JETFLEET_CLOSED`; the reason of `signal`
 */
export async function* followActivity(
  open: () => Promise<Broker>,
  kind: ActivityKind,
  id: string,
  { signal, closed, expected }: FollowOptions & { closed: AbortSignal; expected: (job: JobRecord) => number },
): AsyncGenerator<Followed> {
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw invalidOption(`signal must be an AbortSignal, got ${excerptOf(signal)}`);
  const signals = signal ? [signal, closed] : [closed];
  const broker = await open();
  const hints = new Hints(signals, (onHint) => [
    broker.activity.onReport(kind, id, onHint),
    broker.notices.onTransition(id, onHint),
  ]);
  let from = 1;
  let end = 0;
  let endedAtMs: number | undefined;
  try {
    for (;;) {
      for (const each of signals) each.throwIfAborted();
      const found = await answered(async () => {
        // The record first: what its job has reported before its end is stored before that.
        const job = await findJob(broker, id);
        return { job, page: job ? await broker.activity.page(kind, id, from, PAGE) : [] };
      });
      if (!found) {
        await hints.afterFailure();
        continue;
      }
      const { job, page } = found;
      if (!job) {
        await hints.afterMiss(id);
        continue;
      }
      hints.found();
      for (const { data, seq } of page) {
        from = seq + 1;
        const message = decodeActivity(data, broker.sealer);
        if (message?.of !== job.createdAt) continue;
        end = message.first + message.items.length;
        yield { job, message };
      }
      if (page.length === PAGE) continue;
      if (isTerminal(job.status)) {
        endedAtMs ??= performance.now();
        if (end >= expected(job) || performance.now() - endedAtMs > LAST_WITHIN_MS) return;
        await hints.wait(LAST_AGAIN_MS);
      } else {
        endedAtMs = undefined;
        await hints.wait();
      }
    }
  } finally {
    hints.stop();
  }
}

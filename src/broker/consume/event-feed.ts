import { DeliverPolicy, type JetStreamClient, type OrderedConsumerOptions } from '@nats-io/jetstream';
import type { JobRecord } from '../../jobs/job-record.js';
import { checkInteger } from '../../jobs/numbers.js';
import type { Subjects } from '../../wire/subjects.js';
import type { StoredMessage } from '../read/direct-read.js';
import { assertFilter, type EventFilter, filterSubjects } from './event-options.js';

/** An event as its stream holds it. */
export interface FedEvent {
  /** Sequence in EVENTS. */
  seq: number;
  record: JobRecord;
}

/** Events to look at: nothing is acknowledged, and the place is kept over a restart of the broker. */
export interface EventFeed extends AsyncIterable<FedEvent>, AsyncDisposable {
  /** Ends the iteration. */
  close(): Promise<void>;
}

/** Read ahead at most; a reader that is slow keeps the rest in the broker. */
const AHEAD = 500;

/** Reads EVENTS in order, from `fromSeq` or from now on, without a consumer that would outlive its reader. */
export async function feedEvents(
  client: JetStreamClient,
  subjects: Subjects,
  { filter = {}, fromSeq }: { filter?: EventFilter; fromSeq?: number },
  recordOf: (message: Pick<StoredMessage, 'subject' | 'seq' | 'data'>) => JobRecord | undefined,
): Promise<EventFeed> {
  assertFilter(filter);
  checkInteger('fromSeq', fromSeq, 0);
  const options: Partial<OrderedConsumerOptions> = {
    filter_subjects: filterSubjects(subjects, filter),
    ...(fromSeq === undefined
      ? { deliver_policy: DeliverPolicy.New }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: Math.max(fromSeq, 1) }),
  };
  const consumer = await client.consumers.get(subjects.streamName('events'), options);
  const messages = await consumer.consume({ max_messages: AHEAD, expires: 5_000, idle_heartbeat: 1_000 });
  async function* events(): AsyncGenerator<FedEvent> {
    for await (const { subject, seq, data } of messages) {
      const record = recordOf({ subject, seq, data });
      if (record) yield { seq, record };
    }
  }
  const close = async () => {
    try {
      messages.stop();
      await consumer.delete();
    } catch {
      // The server forgets a consumer that nobody reads.
    }
  };
  return { [Symbol.asyncIterator]: events, close, [Symbol.asyncDispose]: close };
}

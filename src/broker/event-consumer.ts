import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  DeliverPolicy,
  type JsMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { BrokerError, JetfleetError, ValidationError } from '../jobs/errors.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { checkedTime, checkInteger } from '../jobs/numbers.js';
import { isJobType, isStatus, type JobStatus } from '../jobs/vocabulary.js';
import type { Logger } from '../telemetry/logger.js';
import { decodeRecord } from '../wire/record-message.js';
import type { Subjects } from '../wire/subjects.js';
import { openClient, openManager } from './manager.js';

/** Which events to see; what is left out matches everything. */
export interface EventFilter {
  type?: string | string[];
  status?: JobStatus | JobStatus[];
  id?: string;
}

export interface EventOptions {
  filter?: EventFilter;
  /**
   * A name under which the broker remembers how far this consumer has come, over restarts; processes that use the
   * same name share the events. Without one, the position is forgotten when the consumer closes.
   */
  durable?: string;
  /** Where a new consumer begins: `new` (default), `all` that is kept, a time, or a sequence. */
  from?: 'new' | 'all' | Date | { seq: number };
  /** Events handled at once. Defaults to 1, which keeps the order even when one is delivered again. */
  concurrency?: number;
}

/** What is known of an event besides its record. */
export interface EventMeta {
  /** Sequence in EVENTS: grows with time, gaps allowed. */
  seq: number;
  subject: string;
  /** How often it was delivered, from 1. */
  deliveryCount: number;
}

export type EventHandler = (record: JobRecord, meta: EventMeta) => void | Promise<void>;

/** A running event consumer. */
export interface EventSubscription extends AsyncDisposable {
  /** Stops and waits for the handlers that still run. */
  close(): Promise<void>;
  /**
   * Resolves when the consumer has ended, rejects when it ended by an error: BrokerError `JETFLEET_NO_STREAM` when
   * somebody deleted the consumer or its stream.
   */
  readonly closed: Promise<void>;
}

const ACK_WAIT_MS = 30_000;
const RETRY_MS = 1_000;
const NANOS_PER_MS = 1_000_000;
const EPHEMERAL_INACTIVE_MS = 60_000;

/**
 * Reads EVENTS, oldest first. An event is acknowledged when its handler has returned; one whose handler throws comes
 * again after a second.
 * @throws JetfleetError `JETFLEET_STREAM_DRIFT` when the durable name exists with another filter
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that can match nothing, or an option out of its range
 */
export async function consumeEvents(
  connection: NatsConnection,
  subjects: Subjects,
  options: EventOptions,
  handler: EventHandler,
  logger: Logger,
): Promise<EventSubscription> {
  assertFilter(options.filter ?? {});
  checkInteger('concurrency', options.concurrency, 1, 10_000);
  const stream = subjects.streamName('events');
  const name = await ensureConsumer(connection, stream, wantedConsumer(subjects, options));
  const consumer = await openClient(connection).consumers.get(stream, name);
  const concurrency = options.concurrency ?? 1;
  const running = new Set<Promise<void>>();
  const messages = await consumer.consume({
    max_messages: concurrency,
    expires: 5_000,
    idle_heartbeat: 1_000,
    // A consumer that is gone would else be waited for, and its reader be deaf without a word.
    abort_on_missing_resource: true,
  });
  const closed = (async () => {
    try {
      for await (const msg of messages) {
        const task: Promise<void> = handle(msg, handler, logger).finally(() => running.delete(task));
        running.add(task);
        if (running.size >= concurrency) await Promise.race(running);
      }
    } catch (cause) {
      logger.error({ err: cause, consumer: name }, 'event consumer ended');
      throw new BrokerError(
        'JETFLEET_NO_STREAM',
        `event consumer ${name} of ${stream} was deleted, or its stream was: ${(cause as Error).message}`,
        { cause },
      );
    } finally {
      await Promise.all(running);
    }
  })();
  closed.catch(() => {});
  return {
    closed,
    close: () => closeConsumer(messages, closed),
    [Symbol.asyncDispose]: () => closeConsumer(messages, closed),
  };
}

async function closeConsumer(messages: ConsumerMessages, closed: Promise<void>): Promise<void> {
  messages.stop();
  // Why it ended earlier is told by `closed`; closing has nothing left to do then.
  await closed.catch(() => {});
}

async function handle(msg: JsMsg, handler: EventHandler, logger: Logger): Promise<void> {
  const heartbeat = setInterval(() => msg.working(), ACK_WAIT_MS / 3);
  try {
    const record = readRecord(msg, logger);
    const meta = { seq: msg.seq, subject: msg.subject, deliveryCount: msg.info.deliveryCount };
    if (record) await handler(record, meta);
    msg.ack();
  } catch (error) {
    logger.error(
      { err: error, subject: msg.subject, seq: msg.seq },
      'event handler failed; the event comes again',
    );
    msg.nak(RETRY_MS);
  } finally {
    clearInterval(heartbeat);
  }
}

/** A stranger's message on EVENTS is passed over: it would come again for ever. */
function readRecord(msg: JsMsg, logger: Logger): JobRecord | undefined {
  try {
    return decodeRecord(msg.data);
  } catch (error) {
    logger.warn({ err: error, subject: msg.subject, seq: msg.seq }, 'not a job record; passed over');
    return undefined;
  }
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that can match nothing */
export function assertFilter({ type, status, id }: EventFilter): void {
  const refuse = (what: string) => {
    throw new ValidationError('JETFLEET_OPTION_INVALID', `event filter: ${what}`);
  };
  const types = type === undefined ? ['any'] : [type].flat();
  const statuses = status === undefined ? ['pending'] : [status].flat();
  if (types.length === 0) refuse('type is an empty list; leave it out to see every type');
  if (statuses.length === 0) refuse('status is an empty list; leave it out to see every status');
  for (const each of types) if (!isJobType(each)) refuse(`type ${JSON.stringify(each)} is not snake_case`);
  for (const each of statuses) if (!isStatus(each)) refuse(`there is no status ${JSON.stringify(each)}`);
  if (id !== undefined && !isJobId(id)) refuse(`${JSON.stringify(id)} is no job id`);
}

/** The subjects that a filter stands for. */
export function filterSubjects(subjects: Subjects, { type, status, id = '*' }: EventFilter): string[] {
  const statuses = [status ?? ('*' as const)].flat();
  return [type ?? '*'].flat().flatMap((each) => statuses.map((one) => subjects.event(each, one, id)));
}

function wantedConsumer(subjects: Subjects, options: EventOptions): Partial<ConsumerConfig> {
  const { filter = {}, durable, from = 'new', concurrency = 1 } = options;
  return {
    ...(durable ? { durable_name: durable } : { inactive_threshold: EPHEMERAL_INACTIVE_MS * NANOS_PER_MS }),
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOS_PER_MS,
    max_ack_pending: concurrency,
    filter_subjects: filterSubjects(subjects, filter),
    ...startingAt(from),
  };
}

function startingAt(from: NonNullable<EventOptions['from']>): Partial<ConsumerConfig> {
  if (from === 'all') return { deliver_policy: DeliverPolicy.All };
  if (from === 'new') return { deliver_policy: DeliverPolicy.New };
  if (from instanceof Date) {
    const start = new Date(checkedTime('from', from)).toISOString();
    return { deliver_policy: DeliverPolicy.StartTime, opt_start_time: start };
  }
  // Without a number the server would begin somewhere else.
  checkInteger('from.seq', from?.seq ?? null, 1);
  return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: from.seq };
}

async function ensureConsumer(
  connection: NatsConnection,
  stream: string,
  want: Partial<ConsumerConfig>,
): Promise<string> {
  const jsm = await openManager(connection);
  const name = want.durable_name;
  const existing =
    name === undefined ? undefined : await jsm.consumers.info(stream, name).catch(() => undefined);
  if (!existing) return (await jsm.consumers.add(stream, want)).name;
  const have = [...(existing.config.filter_subjects ?? [existing.config.filter_subject])].sort().join(' ');
  const wanted = [...(want.filter_subjects ?? [])].sort().join(' ');
  if (have === wanted) return existing.name;
  throw new JetfleetError(
    'JETFLEET_STREAM_DRIFT',
    `event consumer ${name} exists with the filter ${have}, not ${wanted}; choose another name, or delete the old consumer`,
  );
}

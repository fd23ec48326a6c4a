import { AsyncLocalStorage } from 'node:async_hooks';
import {
  AckPolicy,
  type ConsumerConfig,
  type ConsumerMessages,
  DeliverPolicy,
  type JetStreamManager,
  type JsMsg,
} from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { atMost } from '../../jobs/deadline.js';
import { BrokerError, JetfleetError, ValidationError } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { isoTime } from '../../jobs/iso-time.js';
import { isJobId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { checkedTime, checkInteger, checkNumber, MAX_TIMER_MS } from '../../jobs/numbers.js';
import { assertFunction, assertOptions, type OptionNames } from '../../jobs/options.js';
import { isJobType, isStatus, type JobStatus } from '../../jobs/vocabulary.js';
import type { Logger } from '../../telemetry/logger.js';
import type { UserCode } from '../../telemetry/user-code.js';
import { ANY, type Any, type Subjects } from '../../wire/subjects.js';
import type { BrokerClock } from '../connection/broker-clock.js';
import type { StoredMessage } from '../read/direct-read.js';
import { CONSUMER_NOT_FOUND, openClient, openManager, unlessMissing } from '../topology/manager.js';
import { EventDeadLetters } from './event-dead-letters.js';

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
  /**
   * How often an event is delivered before it becomes a dead letter: 1 to 10,000. The pauses between deliveries grow from
   * one second to 30. Defaults to 20, which takes some 8 minutes.
   */
  maxDeliver?: number;
  /** Events handled at once. Defaults to 1, which keeps the order even when one is delivered again. */
  concurrency?: number;
}

const EVENT_FILTER: OptionNames<Required<EventFilter>> = { type: true, status: true, id: true };
const EVENT_OPTIONS: OptionNames<Required<EventOptions>> = {
  filter: true,
  durable: true,
  from: true,
  maxDeliver: true,
  concurrency: true,
};

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
  /**
   * Stops and waits for the handlers that still run, for at most `timeoutMs`: their events come again. Called by a handler,
   * it waits for none.
   * @param timeoutMs defaults to 30,000, at most 24 days
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  close(timeoutMs?: number): Promise<void>;
  /**
   * Resolves when the consumer has ended, rejects when it ended by an error: BrokerError `JETFLEET_NO_STREAM` when
   * somebody deleted the consumer or its stream, `JETFLEET_BROKER_FORBIDDEN` when the user may not read from it.
   */
  readonly closed: Promise<void>;
}

const ACK_WAIT_MS = 30_000;
const DEFAULT_MAX_DELIVER = 20;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;
const NANOS_PER_MS = 1_000_000;
const EPHEMERAL_INACTIVE_MS = 60_000;

export interface EventConsumerSetup {
  connection: NatsConnection;
  subjects: Subjects;
  /** The record of an event, or undefined for what is none. */
  recordOf: (message: Pick<StoredMessage, 'subject' | 'seq' | 'data'>) => JobRecord | undefined;
  logger: Logger;
  userCode: UserCode;
  clock: BrokerClock;
  /** Hears when the server refuses what is sent on a subject; returns how to stop. */
  onDenied: (subject: string, listener: (error: BrokerError) => void) => () => void;
}

/**
 * Reads EVENTS, oldest first. An event is acknowledged when its handler has returned; one whose handler throws comes
 * again after a pause, and becomes a dead letter after `maxDeliver` deliveries.
 * @throws JetfleetError `JETFLEET_STREAM_DRIFT` when the durable name exists with another filter
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that can match nothing, or an option out of its range
 */
export async function consumeEvents(
  setup: EventConsumerSetup,
  options: EventOptions,
  handler: EventHandler,
): Promise<EventSubscription> {
  checkEventOptions(options);
  assertFunction('handler', handler);
  checkInteger('concurrency', options.concurrency, 1, 10_000);
  checkInteger('maxDeliver', options.maxDeliver, 1, 10_000);
  const { connection, subjects } = setup;
  const stream = subjects.streamName('events');
  const jsm = await openManager(connection);
  const name = await ensureConsumer(jsm, stream, wantedConsumer(subjects, options));
  const consumer = await openClient(connection).consumers.get(stream, name);
  const { concurrency = 1 } = options;
  const messages = await consumer.consume({
    max_messages: concurrency,
    expires: 5_000,
    idle_heartbeat: 1_000,
    // A consumer that is gone would else be waited for, and its reader be deaf without a word.
    abort_on_missing_resource: true,
  });
  return new EventConsumer({ ...setup, ...options, jsm, stream, name, concurrency, handler }, messages);
}

type ConsumerParts = EventConsumerSetup &
  EventOptions & {
    jsm: JetStreamManager;
    stream: string;
    name: string;
    concurrency: number;
    handler: EventHandler;
  };

/** Set in everything that a handler calls. */
const inHandler = new AsyncLocalStorage<EventConsumer>();

class EventConsumer implements EventSubscription {
  readonly #parts: ConsumerParts;
  readonly #messages: ConsumerMessages;
  readonly #running = new Set<Promise<void>>();
  readonly #deadLetters: EventDeadLetters;
  readonly closed: Promise<void>;
  #denied: BrokerError | undefined;

  constructor(parts: ConsumerParts, messages: ConsumerMessages) {
    this.#parts = parts;
    this.#deadLetters = new EventDeadLetters(parts.jsm, parts.stream, parts.name);
    this.#messages = messages;
    this.closed = this.#consume();
    this.closed.catch(() => {});
  }

  async close(timeoutMs = ACK_WAIT_MS): Promise<void> {
    checkNumber('timeoutMs', timeoutMs, 0, MAX_TIMER_MS);
    this.#messages.stop();
    // A handler that waited for itself would wait for ever.
    if (inHandler.getStore() === this) return;
    // Why it ended earlier is told by `closed`; closing has nothing left to do then.
    await atMost(timeoutMs, this.closed);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #consume(): Promise<void> {
    const { logger, name, stream, concurrency, onDenied } = this.#parts;
    // Refused requests for events would else be repeated for ever, without a word.
    const stopHearing = onDenied(`$JS.API.CONSUMER.MSG.NEXT.${stream}.${name}`, (error) => {
      this.#denied = error;
      logger.error({ err: error, consumer: name }, 'event consumer ended');
      this.#messages.stop();
    });
    try {
      for await (const msg of this.#messages) {
        const task: Promise<void> = this.#handle(msg).finally(() => this.#running.delete(task));
        this.#running.add(task);
        if (this.#running.size >= concurrency) await Promise.race(this.#running);
      }
    } catch (cause) {
      logger.error({ err: cause, consumer: name }, 'event consumer ended');
      throw new BrokerError(
        'JETFLEET_NO_STREAM',
        `event consumer ${name} of ${stream} was deleted, or its stream was: ${(cause as Error).message}`,
        { cause },
      );
    } finally {
      stopHearing();
      await Promise.all(this.#running);
    }
    if (this.#denied) throw this.#denied;
  }

  /** Never rejects. */
  async #handle(msg: JsMsg): Promise<void> {
    const { recordOf, handler, userCode, maxDeliver = DEFAULT_MAX_DELIVER } = this.#parts;
    const { subject, seq } = msg;
    const { deliveryCount } = msg.info;
    // What is no record is passed over: it would come again for ever.
    const record = recordOf({ subject, seq, data: msg.data });
    if (!record) return answer(() => msg.ack());
    if (deliveryCount > maxDeliver) {
      return this.#giveUp(
        msg,
        record,
        'its process ended before the handler did, or its dead letter was not kept',
      );
    }
    const heartbeat = setInterval(() => answer(() => msg.working()), ACK_WAIT_MS / 3);
    try {
      await inHandler.run(this, () => handler(record, { seq, subject, deliveryCount }));
      answer(() => msg.ack());
    } catch (error) {
      userCode.note('event handler', error, { subject, seq, deliveryCount });
      if (deliveryCount >= maxDeliver) await this.#giveUp(msg, record, messageOf(error));
      else answer(() => msg.nak(Math.min(RETRY_MS * 2 ** (deliveryCount - 1), MAX_RETRY_MS)));
    } finally {
      clearInterval(heartbeat);
    }
  }

  /** An event that is not kept as a dead letter comes again. */
  async #giveUp(msg: JsMsg, record: JobRecord, error: string): Promise<void> {
    const { logger, name, clock } = this.#parts;
    const { seq, info } = msg;
    const at = isoTime(clock.now());
    const letter = { seq, jobId: record.id, at, deliveries: info.deliveryCount, error };
    try {
      await this.#deadLetters.keep(letter);
      answer(() => msg.term(`handler failed ${info.deliveryCount} times`));
      logger.error({ consumer: name, ...letter }, 'an event is a dead letter: its handler failed each time');
    } catch (err) {
      logger.error({ err, consumer: name, ...letter }, 'cannot keep a dead letter; the event comes again');
      answer(() => msg.nak(MAX_RETRY_MS));
    }
  }
}

/** A connection that is closed takes no answer, and the event comes again. */
function answer(act: () => void): void {
  try {
    act();
  } catch {
    // As above.
  }
}

/** Whatever a handler throws. */
function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'an error that cannot be read';
  }
}

/** A durable name goes into subjects of the server's API. */
const DURABLE = /^[A-Za-z0-9_-]{1,128}$/;

function checkEventOptions(options: EventOptions): void {
  assertOptions('options', options, EVENT_OPTIONS);
  assertFilter(options.filter ?? {});
  const { durable } = options;
  if (durable !== undefined) assertDurable(durable);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be the name of a durable consumer */
export function assertDurable(durable: string): void {
  if (typeof durable === 'string' && DURABLE.test(durable)) return;
  throw new ValidationError(
    'JETFLEET_OPTION_INVALID',
    `durable ${excerptOf(durable)} must be 1 to 128 of A-Z a-z 0-9 _ -`,
  );
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that can match nothing */
export function assertFilter(filter: EventFilter): void {
  assertOptions('filter', filter, EVENT_FILTER);
  const { type, status, id } = filter;
  const refuse = (what: string) => {
    throw new ValidationError('JETFLEET_OPTION_INVALID', `event filter: ${what}`);
  };
  const types = type === undefined ? ['any'] : [type].flat();
  const statuses = status === undefined ? ['pending'] : [status].flat();
  if (types.length === 0) refuse('type is an empty list; leave it out to see every type');
  if (statuses.length === 0) refuse('status is an empty list; leave it out to see every status');
  for (const each of types) if (!isJobType(each)) refuse(`type ${excerptOf(each)} is not snake_case`);
  for (const each of statuses) if (!isStatus(each)) refuse(`there is no status ${excerptOf(each)}`);
  if (id !== undefined && !isJobId(id)) refuse(`${excerptOf(id)} is no job id`);
}

/** The subjects that a filter stands for. */
export function filterSubjects(subjects: Subjects, { type, status, id }: EventFilter): string[] {
  const statuses: readonly (JobStatus | Any)[] = status === undefined ? [ANY] : [status].flat();
  const types: readonly (string | Any)[] = type === undefined ? [ANY] : [type].flat();
  return types.flatMap((each) => statuses.map((one) => subjects.event(each, one, id ?? ANY)));
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
  jsm: JetStreamManager,
  stream: string,
  want: Partial<ConsumerConfig>,
): Promise<string> {
  const name = want.durable_name;
  const existing =
    name && (await unlessMissing([CONSUMER_NOT_FOUND], () => jsm.consumers.info(stream, name)));
  if (!existing) return (await jsm.consumers.add(stream, want)).name;
  const have = [...(existing.config.filter_subjects ?? [existing.config.filter_subject])].sort().join(' ');
  const wanted = [...(want.filter_subjects ?? [])].sort().join(' ');
  if (have === wanted) return existing.name;
  throw new JetfleetError(
    'JETFLEET_STREAM_DRIFT',
    `event consumer ${name} exists with the filter ${have}, not ${wanted}; choose another name, or delete the old consumer`,
  );
}

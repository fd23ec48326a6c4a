import { AsyncLocalStorage } from 'node:async_hooks';
import type { ConsumerConfig, ConsumerMessages, JetStreamManager, JsMsg } from '@nats-io/jetstream';
import { atMost } from '../../jobs/deadline.js';
import { BrokerError, JetfleetError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { checkNumber, MAX_TIMER_MS } from '../../jobs/numbers.js';
import { assertFunction } from '../../jobs/options.js';
import type { Logger } from '../../telemetry/logger.js';
import type { UserCode } from '../../telemetry/user-code.js';
import type { Subjects } from '../../wire/subjects.js';
import type { BrokerClock } from '../connection/broker-clock.js';
import type { StoredMessage } from '../read/direct-read.js';
import { CONSUMER_NOT_FOUND, type JetStream, unlessMissing } from '../topology/manager.js';
import { EventDeadLetters } from './event-dead-letters.js';
import { ACK_WAIT_MS, checkEventOptions, type EventOptions, wantedConsumer } from './event-options.js';

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

const DEFAULT_MAX_DELIVER = 20;
const RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

export interface EventConsumerSetup {
  jetstream: JetStream;
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
  const { jetstream, subjects } = setup;
  const stream = subjects.streamName('events');
  const { manager: jsm, client } = jetstream;
  const name = await ensureConsumer(jsm, stream, wantedConsumer(subjects, options));
  const consumer = await client.consumers.get(stream, name);
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
    // Whoever does not wait for it need not hear why it ended.
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
      const why = `event consumer ${name} of ${stream} was deleted, or its stream was: ${(cause as Error).message}`;
      throw new BrokerError('JETFLEET_NO_STREAM', why, { cause });
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
      const why = 'its process ended before the handler did, or its dead letter was not kept';
      return this.#giveUp(msg, record, why);
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
    const at = new Date(clock.now()).toISOString();
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

function answer(act: () => void): void {
  try {
    act();
  } catch {
    // A connection that is closed takes no answer, and the event comes again.
  }
}

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  } catch {
    return 'an error that cannot be read';
  }
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
  const why = `event consumer ${name} exists with the filter ${have}, not ${wanted}; choose another name, or delete the old consumer`;
  throw new JetfleetError('JETFLEET_STREAM_DRIFT', why);
}

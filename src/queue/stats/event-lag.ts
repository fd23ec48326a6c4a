import type { Broker } from '../../broker/broker.js';
import { deadLettersOf, type EventDeadLetter } from '../../broker/consume/event-dead-letters.js';
import { assertDurable } from '../../broker/consume/event-options.js';
import { ConflictError, JetfleetError } from '../../jobs/errors.js';
import type { OptionNames } from '../../jobs/options.js';

/** A durable consumer of events, as the broker keeps it. */
export interface EventConsumerLag {
  name: string;
  /** What it sees of EVENTS. */
  subjects: string[];
  /** Events that were not delivered yet. */
  pending: number;
  /** Events that were delivered, and are not acknowledged. */
  ackPending: number;
  /** Of these, how many were delivered before. */
  redelivered: number;
  /** Every event up to this sequence is acknowledged; 0 before the first. */
  ackedSeq: number;
  /** When it delivered last, ISO 8601; absent before the first. */
  lastDeliveredAt?: string;
  /** Requests for events that wait: 0 while nobody listens. */
  waiting: number;
  /** How many events it has given up. */
  deadLetters: number;
  /** The latest 100 of them, oldest first. */
  latestDeadLetters: EventDeadLetter[];
}

export interface DeleteConsumerOptions {
  /** Also while somebody listens, who then hears that it is gone. Defaults to false. */
  force?: boolean;
}

export const DELETE_CONSUMER: OptionNames<Required<DeleteConsumerOptions>> = { force: true };

/**
 * Forgets a durable consumer of events.
 * @throws JetfleetError `JETFLEET_NOT_FOUND`; ConflictError while somebody listens, unless `force`
 */
export async function deleteEventConsumer(
  broker: Broker,
  name: string,
  { force = false }: DeleteConsumerOptions,
): Promise<void> {
  assertDurable(name);
  const consumer = (await readEventLag(broker)).find((each) => each.name === name);
  if (!consumer)
    throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no durable consumer ${name} of events`);
  if (consumer.waiting > 0 && !force) {
    const why = `somebody listens to events as ${name}; close that subscription, or delete the consumer with force`;
    throw new ConflictError(why);
  }
  await broker.topology.deleteConsumer('events', name);
}

/** Every durable consumer of EVENTS, by name. */
export async function readEventLag({ topology }: Broker): Promise<EventConsumerLag[]> {
  const consumers = await topology.consumers('events');
  return consumers
    .filter(({ config }) => config.durable_name !== undefined)
    .map((info) => {
      const { deadLetters, latest } = deadLettersOf(info);
      const { config } = info;
      const last = lastDeliveredAt(info);
      return {
        name: info.name,
        subjects: config.filter_subjects ?? [config.filter_subject ?? '>'],
        pending: info.num_pending,
        ackPending: info.num_ack_pending,
        redelivered: info.num_redelivered,
        ackedSeq: info.ack_floor.stream_seq,
        ...(last !== undefined && { lastDeliveredAt: last }),
        waiting: info.num_waiting,
        deadLetters,
        latestDeadLetters: latest,
      };
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** As much of a consumer's state as says when it delivered last. */
export interface Delivering {
  delivered: { last_active?: unknown };
}

/** ISO 8601; undefined before the first delivery. The client's types say a number, and the server sends a time. */
export function lastDeliveredAt({ delivered: { last_active } }: Delivering): string | undefined {
  return typeof last_active === 'string' ? last_active : undefined;
}

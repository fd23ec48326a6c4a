import type { Broker } from '../../src/broker/broker.js';
import {
  coveringConsumers,
  NONE_SETTLED,
  removeAcknowledged,
} from '../../src/queue/retention/acknowledged-messages.js';
import { acknowledgedUpTo } from '../../src/queue/retention/purgeable.js';
import { WORK_KINDS } from '../../src/wire/subjects.js';

/** Removes the messages that are acknowledged, as a worker does that ends. One that goes on leaves them for a while. */
export async function removeAllAcknowledged(broker: Broker): Promise<void> {
  for (const kind of WORK_KINDS) {
    for (const consumer of await coveringConsumers(broker, kind))
      await removeAcknowledged(
        broker,
        { ...consumer, known: NONE_SETTLED },
        acknowledgedUpTo(consumer.counts),
      );
  }
}

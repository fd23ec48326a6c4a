/** The consumers that Jetfleet needs, as the server should have them. */
import { AckPolicy, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { DEFAULT_ACK_WAIT_MS } from '../../jobs/limits.js';
import { PRIORITIES } from '../../jobs/vocabulary.js';
import type { Subjects } from '../../wire/subjects.js';
import type { TopologyOptions, WantedConsumer } from './stream-config.js';

/** How long the server keeps a consumer that nobody asks any more. */
const UNASKED_MS = 60_000;

/**
 * Hands out what is stored of some job types, from the beginning on and without payloads, to one worker, which acknowledges nothing. Its
 * node may take it along: then the worker makes another one.
 */
export function firstJobsConsumer(
  subjects: Subjects,
  name: string,
  types: readonly string[],
): WantedConsumer['config'] {
  return {
    // Without a name of this kind the client asks for a right that no role has.
    durable_name: name,
    ack_policy: AckPolicy.None,
    deliver_policy: DeliverPolicy.All,
    headers_only: true,
    filter_subjects: types.map((type) => subjects.allWorkOf('jobs', type)),
    inactive_threshold: nanos(UNASKED_MS),
    mem_storage: true,
    num_replicas: 1,
  };
}

/** The consumers of one job type: one for each priority, on each stream that may hold the type. */
export function wantedConsumers(
  subjects: Subjects,
  type: string,
  options: TopologyOptions = {},
): WantedConsumer[] {
  return subjects.workKindsFor(type).flatMap((kind) =>
    PRIORITIES.map((priority) => subjects.consumerFor(kind, priority, type)).map(({ name, filter }) => ({
      stream: subjects.streamName(kind),
      config: {
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: nanos(options.ackWaitMs ?? DEFAULT_ACK_WAIT_MS),
        max_ack_pending: -1,
        max_deliver: -1,
        filter_subject: filter,
      },
    })),
  );
}

/** The streams and consumers that Jetfleet needs, as the server should have them. */
import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import {
  DEFAULT_ACK_WAIT_MS,
  DEFAULT_EVENTS_MAX_AGE_MS,
  MAX_HEADER_BYTES,
  MAX_PAYLOAD_BYTES,
} from '../jobs/limits.js';
import { checkInteger, MAX_TIMER_MS } from '../jobs/numbers.js';
import { PRIORITIES } from '../jobs/vocabulary.js';
import { type Subjects, WORK_KINDS, type WorkKind, workKindsFor } from '../wire/subjects.js';

export interface TopologyOptions {
  /** Copies of each stream: 1, or 3 or 5 in a cluster. Defaults to 1. */
  replicas?: number;
  /** How long records are kept, in milliseconds. Defaults to 7 days. */
  eventsMaxAgeMs?: number;
  /** How long a delivered job stays with a silent worker, in milliseconds. Defaults to 15,000. */
  ackWaitMs?: number;
}

export type WantedStream = Partial<StreamConfig> & { name: string };

/** One consumer, and the stream it reads. */
export interface WantedConsumer {
  stream: string;
  config: Partial<ConsumerConfig> & { durable_name: string };
}

const NANOS_PER_MS = 1_000_000;
/** The server keeps its times in nanoseconds, which end after 292 years. */
const MAX_MS = 100 * 365 * 24 * 60 * 60 * 1000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkTopology({ replicas, eventsMaxAgeMs, ackWaitMs }: TopologyOptions): void {
  checkInteger('replicas', replicas, 1, 5);
  checkInteger('eventsMaxAgeMs', eventsMaxAgeMs, 1, MAX_MS);
  checkInteger('ackWaitMs', ackWaitMs, 1, MAX_TIMER_MS);
}

/** JOBS, WEBHOOKS and EVENTS. */
export function wantedStreams(subjects: Subjects, options: TopologyOptions = {}): WantedStream[] {
  const shared = {
    storage: StorageType.File,
    num_replicas: options.replicas ?? 1,
    discard: DiscardPolicy.Old,
    max_msgs: -1,
    max_bytes: -1,
    max_msgs_per_subject: -1,
    allow_direct: true,
    allow_atomic: true,
    allow_msg_ttl: true,
  };
  const work = WORK_KINDS.map((kind) => ({
    ...shared,
    name: subjects.streamName(kind),
    description: `Jetfleet: ${kind} that wait or run`,
    // With `workqueue` each acknowledgement removes its message by itself, and flushes that (decision 24).
    retention: RetentionPolicy.Limits,
    subjects: workStreamSubjects(subjects, kind),
    max_age: 0,
    max_msg_size: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES,
    allow_msg_schedules: true,
  }));
  const events = {
    ...shared,
    name: subjects.streamName('events'),
    description: 'Jetfleet: every transition of every job',
    retention: RetentionPolicy.Limits,
    subjects: [`${subjects.prefix}events.*.*.*`],
    max_age: (options.eventsMaxAgeMs ?? DEFAULT_EVENTS_MAX_AGE_MS) * NANOS_PER_MS,
  };
  return [...work, events];
}

/** Each priority by name: a message with any other one fits no stream, so its publisher is refused. */
function workStreamSubjects(subjects: Subjects, kind: WorkKind): string[] {
  const forms = PRIORITIES.flatMap((priority) => subjects.workFilters(kind, priority, '*'));
  return [...forms, `${subjects.prefix}schedules.${kind}.>`];
}

/** The consumers of one job type: two for each priority, on each stream that may hold the type. */
export function wantedConsumers(
  subjects: Subjects,
  type: string,
  options: TopologyOptions = {},
): WantedConsumer[] {
  return workKindsFor(type).flatMap((kind) =>
    PRIORITIES.flatMap((priority) => subjects.consumersFor(kind, priority, type)).map(({ name, filter }) => ({
      stream: subjects.streamName(kind),
      config: {
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        deliver_policy: DeliverPolicy.All,
        ack_wait: (options.ackWaitMs ?? DEFAULT_ACK_WAIT_MS) * NANOS_PER_MS,
        max_ack_pending: -1,
        max_deliver: -1,
        filter_subject: filter,
      },
    })),
  );
}

/** The streams and consumers that Jetfleet needs, as the server should have them. */
import {
  type ConsumerConfig,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { DEFAULT_EVENTS_MAX_AGE_MS, MAX_HEADER_BYTES, MAX_PAYLOAD_BYTES } from '../../jobs/limits.js';
import { checkInteger, MAX_TIMER_MS } from '../../jobs/numbers.js';
import { PRIORITIES } from '../../jobs/vocabulary.js';
import { type Subjects, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';

export interface TopologyOptions {
  /** Copies of each stream: 1, or 3 or 5 in a cluster. Defaults to 1 for a stream that is made; one that exists keeps its own. */
  replicas?: number;
  /** How long records are kept, in milliseconds. Defaults to 7 days. */
  eventsMaxAgeMs?: number;
  /** How long a delivered job stays with a silent worker, in milliseconds. Defaults to 15,000. */
  ackWaitMs?: number;
}

export type WantedStream = Partial<StreamConfig> & { name: string };

export interface WantedConsumer {
  stream: string;
  config: Partial<ConsumerConfig> & { durable_name: string };
}

/** The server keeps its times in nanoseconds, which end after 292 years. */
const MAX_MS = 100 * 365 * 24 * 60 * 60 * 1000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkTopology({ replicas, eventsMaxAgeMs, ackWaitMs }: TopologyOptions): void {
  checkInteger('replicas', replicas, 1, 5);
  checkInteger('eventsMaxAgeMs', eventsMaxAgeMs, 1, MAX_MS);
  checkInteger('ackWaitMs', ackWaitMs, 1, MAX_TIMER_MS);
}

/** How long a stream knows the message ids of its producers. */
const DUPLICATE_WINDOW_MS = 120_000;
/** How much longer a message is in a work stream than in TIMERS: the server adds where it comes from. */
const SOURCE_HEADER_BYTES = 1_024;
/** Of a stream: more than a server can serve. */
const MAX_CONSUMERS = 100_000;

/** TIMERS, JOBS, WEBHOOKS and EVENTS. A work stream takes from TIMERS, which is therefore made before it. */
export function wantedStreams(subjects: Subjects, options: TopologyOptions = {}): WantedStream[] {
  const shared = {
    ...stored(options),
    max_msgs_per_subject: -1,
    // Without a number of its own a stream has the server's, 1,000.
    max_consumers: MAX_CONSUMERS,
    allow_atomic: true,
    // A stream with a source has none unless it is asked for.
    duplicate_window: nanos(DUPLICATE_WINDOW_MS),
  };
  const timers = {
    ...shared,
    name: subjects.streamName('timers'),
    description: 'Jetfleet: timers, and due jobs until they are worked',
    subjects: WORK_KINDS.flatMap((kind) => timerStreamSubjects(subjects, kind)),
    max_msg_size: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES - SOURCE_HEADER_BYTES,
    allow_msg_schedules: true,
    allow_msg_ttl: false,
  };
  const work = WORK_KINDS.map((kind) => ({
    ...shared,
    name: subjects.streamName(kind),
    description: `Jetfleet: ${kind} that wait or run`,
    // Not `workqueue`: there each acknowledgement removes its message by itself, and flushes that (decision 24).
    subjects: PRIORITIES.flatMap((priority) => subjects.publishedWork(kind, priority)),
    subject_transform: subjects.idTransform(kind),
    max_msg_size: MAX_PAYLOAD_BYTES + MAX_HEADER_BYTES,
    // Any producer may publish here, and with one of these a single message could remove those of others.
    allow_msg_schedules: false,
    allow_rollup_hdrs: false,
    allow_msg_ttl: false,
    sources: [
      {
        name: subjects.streamName('timers'),
        // Without it, an empty work stream begins at its last time, and passes over what was due before (decision 102).
        opt_start_seq: 1,
        subject_transforms: [{ src: subjects.dueOfAll(kind), dest: `${subjects.prefix}${kind}.>` }],
      },
    ],
  }));
  const events = {
    ...shared,
    name: subjects.streamName('events'),
    description: 'Jetfleet: every transition of every job',
    subjects: [`${subjects.prefix}events.*.*.*`],
    max_age: nanos(options.eventsMaxAgeMs ?? DEFAULT_EVENTS_MAX_AGE_MS),
    allow_msg_ttl: true,
  };
  return [timers, ...work, events];
}

/** What all streams have, where they do not say otherwise: nothing that was stored is dropped. */
export function stored(options: TopologyOptions) {
  return {
    storage: StorageType.File,
    num_replicas: options.replicas ?? 1,
    retention: RetentionPolicy.Limits,
    discard: DiscardPolicy.Old,
    max_msgs: -1,
    max_bytes: -1,
    max_age: 0,
    allow_direct: true,
  };
}

/** Due jobs of known priorities only: a timer with any other target is refused when it is set. */
function timerStreamSubjects(subjects: Subjects, kind: WorkKind): string[] {
  const due = PRIORITIES.flatMap((priority) => subjects.dueFilters(kind, priority));
  return [...due, `${subjects.prefix}schedules.${kind}.>`];
}

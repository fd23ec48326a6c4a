/** The streams of features that few use, as the server should have them. */
import { DiscardPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import {
  AUDIT_MAX_AGE_MS,
  DEFAULT_EVENTS_MAX_AGE_MS,
  HISTORY_MAX_AGE_MS,
  MAX_ACTIVITY_BYTES,
  MAX_ACTIVITY_MESSAGES,
  MAX_AUDIT_BYTES,
  MAX_AUDIT_ENTRIES,
  MAX_HEADER_BYTES,
  MAX_HISTORY_BYTES,
  MAX_SIGNAL_BYTES,
  MAX_STEPS_BYTES,
} from '../../jobs/limits.js';
import { activityFilter } from '../../wire/activity.js';
import { endpointFilters, MAX_ENDPOINT_BYTES } from '../../wire/endpoint-subjects.js';
import { historySubject } from '../../wire/history-message.js';
import { ledgerSubject, MAX_LEDGER_BYTES } from '../../wire/ledger-subjects.js';
import { limitSettingsSubject, permitsSubject } from '../../wire/limit-subjects.js';
import { OBJECT_PART_BYTES, objectsFilter } from '../../wire/object-subjects.js';
import { MAX_PROVIDER_BYTES, offerPollSubject, providerHealthSubject } from '../../wire/provider-subjects.js';
import {
  childrenFilter,
  endFilter,
  MAX_SIGNALS_OF_A_NAME,
  signalFilter,
} from '../../wire/signal-subjects.js';
import { stepsFilter } from '../../wire/steps.js';
import { ANY, type ExtraKind, type Subjects } from '../../wire/subjects.js';
import { tagFilters } from '../../wire/tag-subjects.js';
import { stored, type TopologyOptions, type WantedStream } from './stream-config.js';

/** The last message on each subject counts, until it is replaced or its TTL is over. Many are written together. */
function lastOfEach(options: TopologyOptions) {
  return {
    ...stored(options),
    max_msgs_per_subject: 1,
    allow_msg_ttl: true,
    allow_rollup_hdrs: false,
    allow_atomic: true,
  };
}

/** UNIQUE: the last message on the subject of a key says which job has it. One for a period leaves by its TTL. */
function uniqueStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('unique'),
    description: 'Jetfleet: which job has which unique key',
    subjects: [`${subjects.prefix}unique.*.*.*`],
  };
}

/** The index of tags: one entry for each tag of each job. */
function tagStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('tags'),
    description: 'Jetfleet: which jobs have a tag',
    subjects: tagFilters(subjects),
  };
}

/**
 * LIMITS: the permits of a key as one message, which the server forgets when none of them counts any more. Permits of several limits are
 * taken in one atomic batch, or none of them.
 */
function limitsStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('limits'),
    description: 'Jetfleet: permits that are held, and their limits',
    subjects: [permitsSubject(subjects, ANY, ANY), limitSettingsSubject(subjects, ANY)],
  };
}

function activityStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...stored(options),
    name: subjects.streamName('activity'),
    description: 'Jetfleet: what handlers report: progress, log lines and parts of results',
    subjects: [activityFilter(subjects)],
    // As long as the records of their jobs.
    max_age: nanos(options.eventsMaxAgeMs ?? DEFAULT_EVENTS_MAX_AGE_MS),
    max_msgs_per_subject: MAX_ACTIVITY_MESSAGES,
    max_msg_size: MAX_ACTIVITY_BYTES,
    allow_atomic: true,
    allow_msg_ttl: true,
  };
}

/** STEPS: one message a job, each one in place of the one before. */
function stepsStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('steps'),
    description: 'Jetfleet: what the state machines of jobs did',
    subjects: [stepsFilter(subjects)],
    // As long as the records of their jobs.
    max_age: nanos(options.eventsMaxAgeMs ?? DEFAULT_EVENTS_MAX_AGE_MS),
    // A codec may write them in base64.
    max_msg_size: 2 * MAX_STEPS_BYTES,
  };
}

/** SIGNALS: what jobs wait for. */
function signalsStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...stored(options),
    name: subjects.streamName('signals'),
    description: 'Jetfleet: what jobs wait for: signals to them, and the ends of their children',
    subjects: [signalFilter(subjects), endFilter(subjects), childrenFilter(subjects)],
    // A sender hears that there are too many; none that was accepted is dropped.
    discard: DiscardPolicy.New,
    discard_new_per_subject: true,
    max_msgs_per_subject: MAX_SIGNALS_OF_A_NAME,
    max_msg_size: MAX_SIGNAL_BYTES + MAX_HEADER_BYTES,
    allow_atomic: true,
    allow_msg_ttl: false,
    allow_rollup_hdrs: false,
  };
}

/** OBJECTS: payloads and results that are too large for a message, in parts. They leave with their jobs, which may wait for long. */
function objectsStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...stored(options),
    name: subjects.streamName('objects'),
    description: 'Jetfleet: payloads and results that are too large for a message',
    subjects: [objectsFilter(subjects)],
    // A part that is written again, since no answer came, takes its own place.
    max_msgs_per_subject: 1,
    max_msg_size: OBJECT_PART_BYTES + MAX_HEADER_BYTES,
    allow_atomic: true,
    allow_msg_ttl: false,
    allow_rollup_hdrs: false,
  };
}

/** So many changes of what is paused are kept, as a record of who has paused what. */
const KEPT_PAUSES = 100;

/** CONTROL: what is paused. It is read from its leader alone. */
function controlStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...stored(options),
    name: subjects.streamName('control'),
    description: 'Jetfleet: what is paused',
    subjects: [subjects.pauses()],
    max_msgs_per_subject: KEPT_PAUSES,
    allow_direct: false,
  };
}

/** AUDIT: who did what. Nobody takes an entry out: the server drops the oldest ones by age and by number. */
function auditStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...stored(options),
    name: subjects.streamName('audit'),
    description: 'Jetfleet: who did what',
    subjects: [subjects.audit()],
    max_age: nanos(AUDIT_MAX_AGE_MS),
    max_msgs: MAX_AUDIT_ENTRIES,
    max_msg_size: MAX_AUDIT_BYTES + MAX_HEADER_BYTES,
    deny_delete: true,
    deny_purge: true,
  };
}

/** HISTORY: what became of jobs, a message for each minute, written again while the minute lasts. */
function historyStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('history'),
    description: 'Jetfleet: rates and times of each minute of a day',
    subjects: [historySubject(subjects, ANY)],
    max_age: nanos(HISTORY_MAX_AGE_MS),
    max_msg_size: MAX_HISTORY_BYTES,
  };
}

/** ENDPOINTS: where webhooks go, how each endpoint fares, and which webhooks take turns: one message each. */
function endpointsStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('endpoints'),
    description: 'Jetfleet: the endpoints of webhooks',
    subjects: endpointFilters(subjects),
    max_msg_size: MAX_ENDPOINT_BYTES + MAX_HEADER_BYTES,
  };
}

/** PROVIDERS: how the providers of instances fare, one message for each of their regions. */
function providersStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  return {
    ...lastOfEach(options),
    name: subjects.streamName('providers'),
    description: 'Jetfleet: how the providers of instances fare',
    subjects: [providerHealthSubject(subjects, ANY, ANY), offerPollSubject(subjects, ANY, ANY)],
    max_msg_size: MAX_PROVIDER_BYTES + MAX_HEADER_BYTES,
  };
}

/** LEDGER: what was rented, one message for each instance. One that has ended leaves by its TTL. */
function ledgerStream(subjects: Subjects, options: TopologyOptions): WantedStream {
  const any = { provider: ANY, id: ANY, jobId: ANY } as const;
  return {
    ...lastOfEach(options),
    name: subjects.streamName('ledger'),
    description: 'Jetfleet: the instances that were rented, and what they cost',
    subjects: [ledgerSubject(subjects, { status: ANY, ...any })],
    max_msg_size: MAX_LEDGER_BYTES + MAX_HEADER_BYTES,
  };
}

/** What the streams of {@link EXTRA_KINDS} should be. */
export function extraStream(
  kind: ExtraKind,
  subjects: Subjects,
  options: TopologyOptions = {},
): WantedStream {
  switch (kind) {
    case 'unique':
      return uniqueStream(subjects, options);
    case 'tags':
      return tagStream(subjects, options);
    case 'limits':
      return limitsStream(subjects, options);
    case 'activity':
      return activityStream(subjects, options);
    case 'steps':
      return stepsStream(subjects, options);
    case 'signals':
      return signalsStream(subjects, options);
    case 'control':
      return controlStream(subjects, options);
    case 'audit':
      return auditStream(subjects, options);
    case 'objects':
      return objectsStream(subjects, options);
    case 'history':
      return historyStream(subjects, options);
    case 'endpoints':
      return endpointsStream(subjects, options);
    case 'providers':
      return providersStream(subjects, options);
    case 'ledger':
      return ledgerStream(subjects, options);
  }
}

/** Every subject of a queue: who publishes on it, and what. The subjects themselves come from src/wire. */
import { ACTIVITY_KINDS, activitySubject } from '../../src/wire/activity.js';
import { endpointSubject, healthSubject, turnSubject } from '../../src/wire/endpoint-subjects.js';
import { historySubject } from '../../src/wire/history-message.js';
import {
  limitSettingsSubject,
  limitsChangedSubject,
  lineSubject,
  permitsSubject,
} from '../../src/wire/limit-subjects.js';
import { objectSubject } from '../../src/wire/object-subjects.js';
import { providerHealthSubject } from '../../src/wire/provider-subjects.js';
import { scheduleSubject, ticksSubject } from '../../src/wire/schedule-subjects.js';
import { childrenSubject, endSubject, signalSubject } from '../../src/wire/signal-subjects.js';
import { standbySubject } from '../../src/wire/standby-message.js';
import { stepsSubject } from '../../src/wire/steps.js';
import {
  type ExtraKind,
  type StreamKind,
  Subjects,
  type TimerReason,
  WORK_KINDS,
} from '../../src/wire/subjects.js';
import { tagSubject } from '../../src/wire/tag-subjects.js';
import type { HeaderKind } from './headers.js';

/** A body that is no JSON. */
export const TEXT_BODIES = {
  TagEntry:
    'Two lines: the status of an ended job, or nothing, and its tags, separated by commas. May be empty.',
  ObjectPart: 'A part of the JSON text of a payload or result, at most 256 KiB.',
  Nothing: 'Empty.',
} as const;

/** The schemas of the built-in job types. */
export const BUILT_IN = [
  ...(['CreateInstance', 'MonitorInstance', 'DeleteInstance', 'OrderInstance'] as const),
  ...(['MigrateInstance', 'CheckInstance', 'WatchInstance', 'AutoStop', 'ExtendLease', 'KeepLease'] as const),
  ...(['SendWebhook'] as const),
] as const;

/** A type of messages.ts, one of {@link TEXT_BODIES}, or one of {@link BUILT_IN}; main.ts fails for any other. */
export type MessageName = string;

/** Who sends on a subject: any producer, users of a job, or processes of Jetfleet alone. */
export type Audience = 'producers' | 'clients' | 'internal';

export interface Channel {
  name: string;
  /** With `{parameters}`. */
  address: string;
  summary: string;
  /** The stream that stores it; none for core NATS. */
  stream?: StreamKind | ExtraKind | 'standby';
  /** Who publishes. */
  from: Audience;
  /** Whether clients may read it. */
  isPublic: boolean;
  message: readonly MessageName[];
  headers?: HeaderKind;
  /** What answers a request. */
  reply?: MessageName;
}

export const PARAMETERS: Readonly<Record<string, { description: string; enum?: readonly string[] }>> = {
  priority: { description: 'Strict order.', enum: ['critical', 'high', 'normal', 'low'] },
  endpoint: { description: 'The id of an endpoint of webhooks: 1 to 40 of `A-Z a-z 0-9 _ -`.' },
  provider: { description: 'The name of a provider of instances.' },
  instance: { description: 'The id of an instance at its provider, or a hash of it.' },
  standing: { description: 'Whether the instance is still there.', enum: ['open', 'ended'] },
  region: { description: 'A region of the provider, or `all` for what all of them share.' },
  type: { description: 'The job type: 1 to 64 of `a-z 0-9 _`, and a letter first.' },
  id: { description: 'The job id: 1 to 100 of `A-Z a-z 0-9 _ -`; up to 128 for derived ids.' },
  status: {
    description: 'The status of the job.',
    enum: ['pending', 'processing', 'completed', 'failed'],
  },
  name: { description: 'A name of 1 to 64 of `A-Z a-z 0-9 _ -`.' },
  token: { description: 'A hash of 22 characters.' },
  scope: { description: 'How long the key is taken.', enum: ['active', 'period', 'waiting'] },
  tag: { description: 'The tag, with `~` in place of dots.' },
  limit: { description: 'The name of the limit, or its beginning and a hash.' },
  key: { description: 'The key of the limit, or its beginning and a hash.' },
  turn: { description: 'Jobs with the same token take turns as one.' },
  group: { description: 'The group of children that are counted together.' },
  end: { description: 'How the child ended.', enum: ['done', 'failed'] },
  parent: { description: 'The id of the parent job.' },
  field: { description: 'Which value it is.', enum: ['payload', 'result'] },
  part: { description: 'The number of the part, from 0.' },
  minute: { description: 'When the minute begins, in UTC: `20261130T1708`.' },
  worker: { description: 'The name of the worker, with `_` for other characters than `A-Z a-z 0-9 _ -`.' },
};

const subjects = new Subjects();

/**
 * A subject that was made of the names of its parts, with braces around these.
 * @throws Error for a name that {@link PARAMETERS} does not have: it would be described as a word of the subject
 */
export function address(subject: string): string {
  const names = Object.keys(PARAMETERS).map((name) => name.toUpperCase());
  return subject
    .split('.')
    .map((token) => {
      if (names.includes(token)) return `{${token.toLowerCase()}}`;
      if (/[A-Z]/.test(token))
        throw new Error(`${token} of ${subject} is no parameter; add it to PARAMETERS`);
      return token;
    })
    .join('.');
}

/** A place holder where only a word of a list is allowed. */
const any = <T>(name: string): T => name as T;
const WORK = { priority: any<'high'>('PRIORITY'), type: 'TYPE' };
const JOB_BODIES: readonly MessageName[] = ['AnyJson', ...BUILT_IN];

const work: Channel[] = WORK_KINDS.flatMap((kind): Channel[] => {
  const what = kind === 'jobs' ? 'A job' : 'A job of a type whose stream is WEBHOOKS, such as send_webhook';
  const from = kind === 'jobs' ? 'producers' : 'clients';
  const job = { headers: 'job', message: JOB_BODIES, isPublic: true } as const;
  const due = {
    headers: 'job',
    message: JOB_BODIES,
    stream: 'timers',
    from: 'internal',
    isPublic: false,
  } as const;
  const timers: TimerReason[] = ['retrying', 'waiting'];
  return [
    {
      ...job,
      name: kind,
      address: subjects.work({ ...WORK, kind, id: 'ID' }),
      summary: `${what}, with the id of its producer. The same id twice is one job.`,
      stream: kind,
      from,
    },
    {
      ...job,
      name: `${kind}WithoutId`,
      address: subjects.work({ ...WORK, kind }),
      summary: `${what}, with the id \`seq-<sequence of the message>\`.`,
      stream: kind,
      from,
    },
    {
      ...job,
      name: `${kind}Stored`,
      address: subjects.bareWork({ ...WORK, kind }),
      summary: `How ${kind.toUpperCase()} stores a job without an id.`,
      stream: kind,
      from: 'internal',
    },
    {
      ...due,
      name: `${kind}Due`,
      address: subjects.due({ ...WORK, kind, id: 'ID' }),
      summary: `A timer publishes its job here; ${kind.toUpperCase()} takes it from TIMERS.`,
    },
    {
      ...due,
      name: `${kind}DueWithoutId`,
      address: subjects.due({ ...WORK, kind }),
      summary: 'A recurring schedule publishes each run here.',
    },
    {
      name: `${kind}Delayed`,
      address: subjects.schedule(kind, 'ID'),
      summary: 'A delayed job, or a recurring schedule beside the delayed jobs.',
      stream: 'timers',
      from: 'clients',
      isPublic: true,
      headers: 'timer',
      message: JOB_BODIES,
    },
    {
      name: `${kind}Recurring`,
      address: scheduleSubject(subjects, { kind, place: 'cron.NAME' }),
      summary: 'A recurring schedule: the payload and options of its runs.',
      stream: 'timers',
      from: 'clients',
      isPublic: true,
      headers: 'schedule',
      message: JOB_BODIES,
    },
    ...timers.map(
      (reason): Channel => ({
        name: `${kind}${reason === 'retrying' ? 'Retrying' : 'Waiting'}`,
        address: subjects.timer(reason, { ...WORK, kind, id: 'ID' }),
        summary: `The timer of a ${reason} job.`,
        stream: 'timers',
        from: 'internal',
        isPublic: false,
        headers: 'timer',
        message: JOB_BODIES,
      }),
    ),
    {
      name: `${kind}Limited`,
      address: lineSubject(subjects, { ...WORK, kind, limit: 'LIMIT', key: 'KEY', turn: 'TURN', id: 'ID' }),
      summary: 'A job that waits for a permit.',
      stream: 'timers',
      from: 'internal',
      isPublic: false,
      headers: 'timer',
      message: JOB_BODIES,
    },
    {
      name: `${kind}Ticks`,
      address: ticksSubject(subjects, { kind, place: 'NAME' }),
      summary: 'The last ticks of a schedule beside the delayed jobs.',
      stream: 'timers',
      from: 'internal',
      isPublic: false,
      headers: 'replaced',
      message: ['Ticks'],
    },
    {
      name: `${kind}CronTicks`,
      address: ticksSubject(subjects, { kind, place: 'cron.NAME' }),
      summary: 'The last ticks of a recurring schedule.',
      stream: 'timers',
      from: 'internal',
      isPublic: false,
      headers: 'replaced',
      message: ['Ticks'],
    },
  ];
});

const internal = { from: 'internal', isPublic: false } as const;

const stored: Channel[] = [
  {
    name: 'events',
    address: subjects.event('TYPE', any<'failed'>('STATUS'), 'ID'),
    summary: 'The record of a job after each transition. The last one of an id is the state of the job.',
    stream: 'events',
    from: 'internal',
    isPublic: true,
    headers: 'expiring',
    message: ['JobRecord'],
  },
  {
    name: 'signals',
    address: signalSubject(subjects, { jobId: 'ID', name: 'NAME' }),
    summary: 'A signal to a job, before or while the job waits for it.',
    stream: 'signals',
    from: 'producers',
    isPublic: true,
    headers: 'repeated',
    message: ['AnyJson'],
  },
  {
    ...internal,
    name: 'ends',
    address: endSubject(subjects, {
      parentId: 'PARENT',
      group: 'GROUP',
      status: any<'done'>('END'),
      childId: 'ID',
    }),
    summary: 'How a child of a job ended.',
    stream: 'signals',
    message: ['ChildEnd'],
  },
  {
    ...internal,
    name: 'children',
    address: childrenSubject(subjects, 'PARENT', 'NAME'),
    summary: 'The children of a job, written before they are added.',
    stream: 'signals',
    message: ['ChildList'],
  },
  ...ACTIVITY_KINDS.map(
    (kind): Channel => ({
      name: `activity${kind[0]?.toUpperCase()}${kind.slice(1)}`,
      address: activitySubject(subjects, kind, 'ID'),
      summary: {
        progress: 'The progress of a job.',
        log: 'Log lines of a job.',
        chunk: 'Parts of the result of a job.',
      }[kind],
      stream: 'activity',
      from: 'internal',
      isPublic: true,
      message: ['Activity'],
    }),
  ),
  {
    name: 'steps',
    address: stepsSubject(subjects, 'ID'),
    summary: 'The recorded steps of the state machines of a job. Each message replaces the one before.',
    stream: 'steps',
    from: 'internal',
    isPublic: true,
    message: ['Steps'],
  },
  {
    name: 'history',
    address: historySubject(subjects, 'MINUTE'),
    summary: 'Rates, errors and times of one minute. Each message replaces the one before of its minute.',
    stream: 'history',
    from: 'internal',
    isPublic: true,
    message: ['HistoryMinute'],
  },
  {
    ...internal,
    name: 'standbyTimers',
    address: standbySubject(subjects, 'TOKEN'),
    summary: 'The copy of a timer, at a standby site.',
    stream: 'standby',
    message: ['StandbyTimer'],
  },
  {
    ...internal,
    name: 'unique',
    address: subjects.uniqueKey('TYPE', any<'active'>('SCOPE'), 'TOKEN'),
    summary: 'The job that has a unique key.',
    stream: 'unique',
    headers: 'expiring',
    message: ['UniqueClaim'],
  },
  {
    ...internal,
    name: 'tags',
    address: tagSubject(subjects, { tag: 'TAG', type: 'TYPE', id: 'ID' }),
    summary: 'An entry of the index of tags.',
    stream: 'tags',
    headers: 'expiring',
    message: ['TagEntry'],
  },
  {
    ...internal,
    name: 'permits',
    address: permitsSubject(subjects, 'LIMIT', 'KEY'),
    summary: 'The permits of one key of a limit, and the handlers and groups of jobs that wait for one.',
    stream: 'limits',
    headers: 'expiring',
    message: ['Permits'],
  },
  {
    ...internal,
    name: 'limitSettings',
    address: limitSettingsSubject(subjects, 'LIMIT'),
    summary: 'The setting of a limit by an operator. It overrides the setting of the workers.',
    stream: 'limits',
    message: ['LimitSetting'],
  },
  {
    ...internal,
    name: 'pauses',
    address: subjects.pauses(),
    summary: 'The list of all pauses.',
    stream: 'control',
    message: ['PauseList'],
  },
  {
    ...internal,
    name: 'audit',
    address: subjects.audit(),
    summary: 'Who did what over HTTP.',
    stream: 'audit',
    message: ['AuditEntry'],
  },
  {
    ...internal,
    name: 'objects',
    address: objectSubject(subjects, 'ID', 'FIELD.TOKEN', any<number>('PART')),
    summary: 'A part of a payload or result that is too large for a message.',
    stream: 'objects',
    message: ['ObjectPart'],
  },
];

const notices: Channel[] = [
  {
    name: 'inspection',
    address: subjects.notices.inspection('WORKER', 'ID'),
    summary: 'A step of a state machine, while a client watches. The id `$worker` is the worker itself.',
    from: 'internal',
    isPublic: true,
    message: ['Inspection'],
  },
  {
    name: 'watch',
    address: subjects.notices.watched(),
    summary: 'Asks workers to send the steps of one job or of all jobs, for some seconds.',
    from: 'clients',
    isPublic: true,
    message: ['WatchNotice'],
  },
  {
    name: 'workers',
    address: subjects.notices.workersAsked(),
    summary: 'Asks every worker for its state.',
    from: 'clients',
    isPublic: true,
    message: ['WorkersQuestion'],
    reply: 'Worker',
  },
  {
    name: 'charts',
    address: subjects.notices.chartsAsked(),
    summary: 'Asks every worker for the charts that its handlers run.',
    from: 'clients',
    isPublic: true,
    message: ['ChartsQuestion'],
    reply: 'ChartsAnswer',
  },
  {
    name: 'drain',
    address: subjects.notices.drainOrdered(),
    summary: 'Orders one worker to take no more jobs, or to take them again.',
    from: 'clients',
    isPublic: true,
    message: ['DrainOrder'],
  },
  {
    ...internal,
    name: 'cancelled',
    address: subjects.notices.cancelled(),
    summary: 'A job was cancelled, or changed while it waited. Not stored.',
    message: ['CancelledNotice'],
  },
  {
    ...internal,
    name: 'swept',
    address: subjects.notices.swept(),
    summary: 'A worker begins a sweep. Not stored.',
    message: ['SweptNotice'],
  },
  {
    ...internal,
    name: 'acknowledged',
    address: subjects.notices.settledAsked(),
    summary: 'Asks every worker which messages of a consumer it has acknowledged.',
    message: ['AcknowledgedQuestion'],
    reply: 'AcknowledgedAnswer',
  },
  {
    ...internal,
    name: 'limitsChanged',
    address: limitsChangedSubject(subjects),
    summary: 'A handler has a permit now, or a limit was set. Not stored.',
    message: ['LimitsNotice'],
  },
  {
    ...internal,
    name: 'endpoints',
    address: endpointSubject(subjects, 'ENDPOINT'),
    summary: 'An endpoint of webhooks. Its secrets and headers are encrypted.',
    stream: 'endpoints',
    message: ['Endpoint'],
  },
  {
    ...internal,
    name: 'endpointHealth',
    address: healthSubject(subjects, 'ENDPOINT'),
    summary: 'The state of an endpoint: active, resting or disabled.',
    stream: 'endpoints',
    message: ['EndpointHealth'],
  },
  {
    ...internal,
    name: 'webhookTurns',
    address: turnSubject(subjects, { endpoint: 'ENDPOINT', key: 'KEY', jobId: 'ID' }),
    summary: 'The place of a webhook in an order: that of its instance, or that of a disabled endpoint.',
    stream: 'endpoints',
    headers: 'expiring',
    message: ['WebhookTurn'],
  },
  {
    ...internal,
    name: 'offerPolls',
    address: 'providers.offers.PROVIDER.TOKEN',
    summary: 'When jobs that wait for capacity have asked a provider last.',
    stream: 'providers',
    headers: 'expiring',
    message: ['OfferPoll'],
  },
  {
    ...internal,
    name: 'providerHealth',
    address: providerHealthSubject(subjects, 'PROVIDER', 'REGION'),
    summary: 'The state of a provider of instances in a region, or in all: used, resting or tried.',
    stream: 'providers',
    message: ['ProviderHealth'],
  },
  {
    ...internal,
    name: 'ledger',
    address: 'ledger.STANDING.PROVIDER.INSTANCE.ID',
    summary: 'An instance that was rented, and what it costs.',
    stream: 'ledger',
    headers: 'expiring',
    message: ['LedgerEntry'],
  },
];

export const CHANNELS: readonly Channel[] = [...work, ...stored, ...notices].map((channel) => ({
  ...channel,
  address: address(channel.address),
}));

export function parametersOf(channel: Channel): string[] {
  return [...channel.address.matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? '');
}

/**
 * The subjects and names of the wire contract. Everything that names a subject, a stream or a consumer does it here.
 */
import { JetfleetError } from '../jobs/errors.js';
import { KnownJobs } from '../jobs/known-jobs.js';
import type { UniqueScope } from '../jobs/unique-options.js';
import {
  isPriority,
  isStatus,
  type JobPriority,
  type JobStatus,
  WORK_KINDS,
  type WorkKind,
} from '../jobs/vocabulary.js';
import { NoticeSubjects } from './notice-subjects.js';
import { ANY, type Any, isToken, part, token } from './token.js';

export { ANY, type Any, WORK_KINDS, type WorkKind };

/** All streams of a namespace. Timers have one of their own: whoever may publish there can empty it. */
export const STREAM_KINDS = ['timers', ...WORK_KINDS, 'events'] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

/** Streams that are made when they are first used. */
export const EXTRA_KINDS = [
  'unique',
  'tags',
  'limits',
  'activity',
  'steps',
  'signals',
  'control',
  'audit',
  'objects',
  'history',
  'endpoints',
  'providers',
  'ledger',
] as const;
export type ExtraKind = (typeof EXTRA_KINDS)[number];

/**
 * Why Jetfleet set a timer: the next attempt of a retrying job, the next look of a waiting one, or a permit that a job waits for,
 * which is mostly woken before.
 */
export type TimerReason = 'retrying' | 'waiting' | 'limited';

/** What a work subject says. Without an id the stream's sequence names the job. */
export interface WorkAddress {
  kind: WorkKind;
  priority: JobPriority;
  type: string;
  id?: string;
}

export interface TimerAddress {
  kind: WorkKind | Any;
  priority: JobPriority | Any;
  type: string | Any;
  id: string | Any;
}

/** Whether a filter, with `*` for any token, matches a subject; both as their tokens. */
export function matchesTokens(subject: readonly string[], filter: readonly string[]): boolean {
  return (
    subject.length === filter.length && filter.every((token, at) => token === '*' || token === subject[at])
  );
}

interface EventAddress {
  type: string;
  status: JobStatus;
  id: string;
}

/**
 * A consumer and its subjects. A purge makes the server forget what was handed back to each consumer whose filter it
 * covers, or which covers it. So `removal` removes the consumer's messages, and neither covers the other: each has a
 * wildcard where the other has none (decision 29).
 */
export interface ConsumerSubjects {
  name: string;
  /** What the consumer filters on; it also reads and counts its messages. */
  filter: string;
  /** What removes its messages. */
  removal: string;
}

/**
 * What a work stream stores in the place of an id where there is none, so that one consumer has one filter for jobs with
 * an id and without. No id can be it.
 */
const NO_ID = ':seq';

const NAMESPACE = /^[a-z][a-z0-9_]{0,31}$/;

/** First tokens of the default namespace: as namespaces, their subjects would overlap with it. */
const RESERVED: ReadonlySet<string> = new Set(
  'jobs webhooks schedules due events control audit unique tags limits activity steps signals ends children objects history endpoints providers ledger standby jetfleet inspect'.split(
    ' ',
  ),
);

/** Subjects, streams and consumers of one namespace: `acme` makes `acme.jobs.>` and `ACME_JOBS`. */
export class Subjects {
  /** `''` or `'acme.'`. */
  readonly prefix: string;
  readonly namespace: string;
  readonly notices: NoticeSubjects;
  readonly #jobs: KnownJobs;

  /**
   * @param namespace lower case, 1 to 32 of `[a-z0-9_]`, starting with a letter; empty (default) for none
   * @param jobs says which types have a stream of their own. Defaults to none
   * @throws JetfleetError `JETFLEET_OPTION_INVALID`
   */
  constructor(namespace = '', jobs = new KnownJobs()) {
    if (namespace !== '' && (!NAMESPACE.test(namespace) || RESERVED.has(namespace))) {
      const why = `namespace ${JSON.stringify(namespace)} must be 1 to 32 of a-z 0-9 _, start with a letter, and be none of ${[...RESERVED].join(', ')}`;
      throw new JetfleetError('JETFLEET_OPTION_INVALID', why);
    }
    this.namespace = namespace;
    this.prefix = namespace === '' ? '' : `${namespace}.`;
    this.notices = new NoticeSubjects(this.prefix);
    this.#jobs = jobs;
  }

  /** The work stream that a type's jobs go to. */
  workKindOf(type: string): WorkKind {
    return this.#jobs.streamOf(type);
  }

  /**
   * The work streams that a worker of a type listens on. `jobs` is always among them, so that a producer who publishes
   * `jobs.<priority>.send_webhook` by hand is served too.
   */
  workKindsFor(type: string): WorkKind[] {
    const kind = this.workKindOf(type);
    return kind === 'jobs' ? ['jobs'] : ['jobs', kind];
  }

  /** STANDBY is a stream of a standby site alone. */
  streamName(kind: StreamKind | ExtraKind | 'standby'): string {
    return `${this.prefix.replace('.', '_')}${kind}`.toUpperCase();
  }

  /** `jobs.<priority>.<type>.<id>`; without an id the three-token form, in which it is published. */
  work(address: WorkAddress): string {
    const subject = `${this.prefix}${address.kind}.${token(address.priority)}.${token(address.type)}`;
    return address.id === undefined ? subject : `${subject}.${token(address.id)}`;
  }

  /** The one filter that fences the message of a job with an id: of whatever type and priority it is. */
  workOf(kind: WorkKind, id: string): string {
    return `${this.prefix}${kind}.*.*.${token(id)}`;
  }

  /** What is stored of one type and priority. */
  workFilter(kind: WorkKind, priority: JobPriority | Any, type: string | Any): string {
    return `${this.prefix}${kind}.${part(priority)}.${part(type)}.*`;
  }

  /** All jobs of a type. Not `*` at the end: the server does not match that with an id of `>`, which any producer may send. */
  allWorkOf(kind: WorkKind, type: string): string {
    return `${this.prefix}${kind}.*.${token(type)}.>`;
  }

  /** How a work stream stores what was published without an id. */
  bareWork(address: Omit<WorkAddress, 'id'>): string {
    return `${this.work(address)}.${NO_ID}`;
  }

  /** What is published of one priority: without an id, and with one. */
  publishedWork(kind: WorkKind, priority: JobPriority): string[] {
    const subject = `${this.prefix}${kind}.${priority}.*`;
    return [subject, `${subject}.*`];
  }

  /** How a work stream stores what was published without an id. */
  idTransform(kind: WorkKind): { src: string; dest: string } {
    const root = `${this.prefix}${kind}`;
    return { src: `${root}.*.*`, dest: `${root}.{{wildcard(1)}}.{{wildcard(2)}}.${NO_ID}` };
  }

  /** `due.jobs.<priority>.<type>.<id>`: where a timer puts its job in TIMERS, from which JOBS takes it. */
  due(address: WorkAddress): string {
    return `${this.prefix}due.${this.work(address).slice(this.prefix.length)}`;
  }

  /** Every due job of one priority or type: without an id, and with one. */
  dueFilters(kind: WorkKind, priority: JobPriority | Any, type: string | Any = ANY): string[] {
    const subject = `${this.prefix}due.${kind}.${part(priority)}.${part(type)}`;
    return [subject, `${subject}.*`];
  }

  /** `due.jobs.>`: all that a work stream takes from TIMERS. */
  dueOfAll(kind: WorkKind): string {
    return `${this.prefix}due.${kind}.>`;
  }

  /** `schedules.jobs.<id>`: the timer of a job that a producer delayed. */
  schedule(kind: WorkKind | Any, id: string | Any): string {
    return `${this.prefix}schedules.${part(kind)}.${part(id)}`;
  }

  /** `schedules.jobs.<reason>.<priority>.<type>.<id>`: a timer that Jetfleet set itself, countable by what it is for. */
  timer(reason: TimerReason, address: TimerAddress): string {
    const { kind, priority, type, id } = address;
    // A job in line stands under what it waits for, and whose turn it takes.
    const place = reason === 'limited' ? `limited.*.*.${part(priority)}.*` : `${reason}.${part(priority)}`;
    return `${this.prefix}schedules.${part(kind)}.${place}.${part(type)}.${part(id)}`;
  }

  /** `events.<type>.<status>.<id>`; each part may be {@link ANY}. */
  event(type: string | Any, status: JobStatus | Any, id: string | Any): string {
    return `${this.prefix}events.${part(type)}.${part(status)}.${part(id)}`;
  }

  /** The one filter that fences a job's transitions. Always this string: the server compares filters by their text. */
  eventsOf(id: string): string {
    return `${this.prefix}events.*.*.${token(id)}`;
  }

  /** `control.pauses`: the list of what is paused. */
  pauses(): string {
    return `${this.prefix}control.pauses`;
  }

  /** `audit.actions`: who did what. */
  audit(): string {
    return `${this.prefix}audit.actions`;
  }

  /** `unique.<type>.<scope>.<token>`: who has a unique key; see `keyToken`. */
  uniqueKey(type: string | Any, scope: UniqueScope, keyToken: string | Any): string {
    return `${this.prefix}unique.${part(type)}.${scope}.${part(keyToken)}`;
  }

  consumerName(type: string, priority: JobPriority): string {
    return `${type}-${priority}`;
  }

  /** The consumer that hands out the jobs of one type and priority. */
  consumerFor(kind: WorkKind, priority: JobPriority, type: string): ConsumerSubjects {
    const published = this.work({ kind, priority, type });
    return {
      name: this.consumerName(type, priority),
      // As of {@link allWorkOf}.
      filter: `${published}.>`,
      removal: `${published.replace(/^[^.]+/, '*')}.*`,
    };
  }

  /** What the name of a consumer says, or undefined for a stranger's. */
  parseConsumer(name: string): { type: string; priority: JobPriority } | undefined {
    const [type = '', priority = '', ...rest] = name.split('-');
    if (!isPriority(priority) || rest.length > 0) return undefined;
    return { type, priority };
  }

  /** The parts of a work subject, as published or as stored, or undefined when it is none. */
  parseWork(subject: string): WorkAddress | undefined {
    const [kind, priority, type, id, ...rest] = this.tokensOf(subject);
    if (!isWorkKind(kind) || !isPriority(priority) || !isToken(type) || rest.length > 0) return undefined;
    return id === undefined || id === NO_ID ? { kind, priority, type } : { kind, priority, type, id };
  }

  /** The job that a timer with this target brings, or undefined when it is no `due` subject. */
  parseDue(subject: string): WorkAddress | undefined {
    const [root, ...rest] = this.tokensOf(subject);
    return root === 'due' ? this.parseWork(`${this.prefix}${rest.join('.')}`) : undefined;
  }

  /** The work subject that a due one leads to, as it was published; undefined for any other. */
  workOfDue(subject: string): string | undefined {
    if (!this.parseDue(subject)) return undefined;
    return this.prefix + subject.slice(this.prefix.length + 'due.'.length);
  }

  /** The subject of a job of any type and priority that is due now. */
  dueOf(kind: WorkKind | Any, id: string): string {
    return `${this.prefix}due.${part(kind)}.*.*.${token(id)}`;
  }

  /** The subjects of a producer's timer by the id that it is listed under: `cron-<name>` also names `cron.<name>`. */
  schedulesOf(kind: WorkKind | Any, id: string): string[] {
    const name = /^cron-(.+)$/.exec(id)?.[1];
    const recurring = name === undefined ? [] : [`${this.prefix}schedules.${part(kind)}.cron.${token(name)}`];
    return [this.schedule(kind, id), ...recurring];
  }

  /** Of all timers of producers. */
  scheduleFilters(kind: WorkKind): string[] {
    return ['*', 'cron.*'].map((each) => `${this.prefix}schedules.${kind}.${each}`);
  }

  /** The id that a producer's timer is listed under, or undefined for a timer of Jetfleet's own. */
  scheduleId(subject: string): string | undefined {
    const [, , name, cron, ...rest] = this.isSchedule(subject) ? this.tokensOf(subject) : [];
    if (name === undefined || rest.length > 0 || (cron !== undefined && name !== 'cron')) return undefined;
    return cron === undefined ? name : `cron-${cron}`;
  }

  isSchedule(subject: string): boolean {
    return subject.startsWith(`${this.prefix}schedules.`);
  }

  /** The parts of an event subject, or undefined when it is none. */
  parseEvent(subject: string): EventAddress | undefined {
    const [root, type, status, id, ...rest] = this.tokensOf(subject);
    const isWhole = root === 'events' && rest.length === 0;
    return isWhole && isToken(type) && isStatus(status) && isToken(id) ? { type, status, id } : undefined;
  }

  /** The tokens of a subject of this namespace; none for any other. */
  tokensOf(subject: string): string[] {
    return subject.startsWith(this.prefix) ? subject.slice(this.prefix.length).split('.') : [];
  }
}

function isWorkKind(value: string | undefined): value is WorkKind {
  return (WORK_KINDS as readonly (string | undefined)[]).includes(value);
}

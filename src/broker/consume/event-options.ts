import { AckPolicy, type ConsumerConfig, DeliverPolicy } from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { isJobId } from '../../jobs/job-id.js';
import { checkedTime, checkInteger } from '../../jobs/numbers.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';
import { isJobType, isStatus, type JobStatus } from '../../jobs/vocabulary.js';
import { ANY, type Any, type Subjects } from '../../wire/subjects.js';

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

/** How long an event may stay unacknowledged before it comes again. */
export const ACK_WAIT_MS = 30_000;
const EPHEMERAL_INACTIVE_MS = 60_000;

/** A durable name goes into subjects of the server's API. */
const DURABLE = /^[A-Za-z0-9_-]{1,128}$/;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkEventOptions(options: EventOptions): void {
  assertOptions('options', options, EVENT_OPTIONS);
  assertFilter(options.filter ?? {});
  const { durable } = options;
  if (durable !== undefined) assertDurable(durable);
  checkInteger('concurrency', options.concurrency, 1, 10_000);
  checkInteger('maxDeliver', options.maxDeliver, 1, 10_000);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for what cannot be the name of a durable consumer */
export function assertDurable(durable: string): void {
  if (typeof durable === 'string' && DURABLE.test(durable)) return;
  throw invalidOption(`durable ${excerptOf(durable)} must be 1 to 128 of A-Z a-z 0-9 _ -`);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a filter that can match nothing */
export function assertFilter(filter: EventFilter): void {
  assertOptions('filter', filter, EVENT_FILTER);
  const { type, status, id } = filter;
  const refuse = (what: string) => {
    throw invalidOption(`event filter: ${what}`);
  };
  const types = type === undefined ? ['any'] : [type].flat();
  const statuses = status === undefined ? ['pending'] : [status].flat();
  if (types.length === 0) refuse('type is an empty list; leave it out to see every type');
  if (statuses.length === 0) refuse('status is an empty list; leave it out to see every status');
  for (const each of types) if (!isJobType(each)) refuse(`type ${excerptOf(each)} is not snake_case`);
  for (const each of statuses) if (!isStatus(each)) refuse(`there is no status ${excerptOf(each)}`);
  if (id !== undefined && !isJobId(id)) refuse(`${excerptOf(id)} is no job id`);
}

export function filterSubjects(subjects: Subjects, { type, status, id }: EventFilter): string[] {
  const statuses: readonly (JobStatus | Any)[] = status === undefined ? [ANY] : [status].flat();
  const types: readonly (string | Any)[] = type === undefined ? [ANY] : [type].flat();
  return types.flatMap((each) => statuses.map((one) => subjects.event(each, one, id ?? ANY)));
}

export function wantedConsumer(subjects: Subjects, options: EventOptions): Partial<ConsumerConfig> {
  const { filter = {}, durable, from = 'new', concurrency = 1 } = options;
  return {
    ...(durable ? { durable_name: durable } : { inactive_threshold: nanos(EPHEMERAL_INACTIVE_MS) }),
    ack_policy: AckPolicy.Explicit,
    ack_wait: nanos(ACK_WAIT_MS),
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

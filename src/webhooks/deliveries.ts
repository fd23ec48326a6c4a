/** The jobs that deliver webhooks, as deliveries: to whom, how often, and what was answered. */
import { defined } from '../jobs/defined.js';
import { ConflictError, JetfleetError, type JobErrorInfo } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { maskText } from '../jobs/mask-text.js';
import { checkInteger } from '../jobs/numbers.js';
import { assertOptions, checkBoolean, checkText, type OptionNames } from '../jobs/options.js';
import { shownError, shownJob } from '../jobs/shown-job.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal, type JobState, type JobStatus } from '../jobs/vocabulary.js';
import type { RecordedTransition } from '../queue/job-history.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { PROGRESS_OPTIONS, type ProgressOptions } from '../queue/progress-options.js';
import { PARKED_REASONS, type ParkedReason } from '../wire/parked-reason.js';
import { endpointTag, sendWebhook } from './jobs.js';
import { deliveryResult, refusalIn } from './payload-schemas.js';
import type { AttemptDetails } from './webhook-client.js';

/** What an endpoint answered. */
export interface WebhookAnswer {
  status?: number;
  /** What kept an answer from coming: `dns`, `refused`, `timeout`, `tls`, `reset`, `unreachable`, `upgrade` or `connection`. */
  error?: string;
  durationMs?: number;
  headers?: Record<string, string>;
}

/** A webhook and its endpoint, without secrets. Times are ISO 8601. */
export interface WebhookDelivery {
  id: string;
  parentId?: string;
  /** The id of its endpoint, or the address where it is none of the registered ones. */
  endpoint?: string;
  url?: string;
  event?: string;
  status: JobStatus;
  state: JobState;
  attempt: number;
  maxAttempts: number;
  createdAt: string;
  updatedAt: string;
  nextRunAt?: string;
  /** Why it waits, where that is not for its next attempt. */
  parked?: ParkedReason;
  /** Of the last attempt. */
  response?: WebhookAnswer;
  error?: JobErrorInfo;
}

export interface WebhookAttempt {
  attempt: number;
  at: string;
  durationMs?: number;
  response?: WebhookAnswer;
  error?: JobErrorInfo;
  /** The beginning of what was answered, with what looks like a secret masked. */
  excerpt?: string;
}

export type WholeDelivery = WebhookDelivery & {
  payload: unknown;
  headers?: Record<string, string>;
  attempts: WebhookAttempt[];
};

/** Which deliveries to list. What is left out fits each. */
export interface DeliveryFilter {
  /** The id of a registered endpoint. */
  endpoint?: string;
  /** `job.failed` */
  event?: string;
  status?: JobStatus;
  /** What was answered last: a status such as `503`, or what kept an answer from coming, such as `timeout`. */
  answer?: string;
  since?: Date | string;
  until?: Date | string;
  /** By when they were changed last. Defaults to `newest`. */
  order?: 'newest' | 'oldest';
  limit?: number;
  cursor?: string;
}

/** Which webhooks to send once more: those that failed for good. */
export type ReplayFilter = Pick<DeliveryFilter, 'endpoint' | 'event' | 'answer' | 'since' | 'until'>;

export interface ReplayOptions extends ProgressOptions {
  /** Only counts them. */
  dryRun?: boolean;
  /** Sends at most so many, the oldest first; ask again for the others. Defaults to all. */
  limit?: number;
}

const FILTER: OptionNames<Required<DeliveryFilter>> = {
  endpoint: true,
  event: true,
  status: true,
  answer: true,
  since: true,
  until: true,
  order: true,
  limit: true,
  cursor: true,
};
const REPLAY_FILTER: OptionNames<Required<ReplayFilter>> = {
  endpoint: true,
  event: true,
  answer: true,
  since: true,
  until: true,
};
const REPLAY: OptionNames<Required<ReplayOptions>> = { ...PROGRESS_OPTIONS, dryRun: true, limit: true };
const REPLAY_PAGE = 500;
/** Pages without a fitting delivery that one call reads. */
const MOST_PAGES = 20;

/**
 * A page of deliveries. One that few fit may be short and still have a cursor.
 * @param withinMs about how long it may search at most. Defaults to any time
 */
export async function listDeliveries(
  queue: JobQueueService,
  filter: DeliveryFilter = {},
  withinMs = Number.POSITIVE_INFINITY,
): Promise<{ deliveries: WebhookDelivery[]; cursor?: string }> {
  assertOptions('filter', filter, FILTER);
  const { endpoint, event, answer, ...rest } = filter;
  for (const [name, value] of Object.entries({ endpoint, event, answer })) checkText(name, value);
  const tags = endpoint === undefined ? undefined : [endpointTag(endpoint)];
  const endMs = performance.now() + withinMs;
  let { cursor } = rest;
  for (let pages = 1; ; pages++) {
    const asked = { order: 'newest', ...defined({ ...rest, tags, cursor }), type: sendWebhook.type } as const;
    const page = await queue.getJobsWithin(asked, Math.max(0, endMs - performance.now()));
    const deliveries = page.jobs.map(deliveryOf).filter((each) => fits(each, { event, answer }));
    cursor = page.cursor;
    const isOver = pages === MOST_PAGES || performance.now() >= endMs;
    if (deliveries.length > 0 || cursor === undefined || isOver)
      return { deliveries, ...defined({ cursor }) };
  }
}

function fits(
  { event, response }: WebhookDelivery,
  wanted: Pick<DeliveryFilter, 'event' | 'answer'>,
): boolean {
  const answers = [String(response?.status ?? ''), response?.error ?? ''];
  return (
    (wanted.event === undefined || event === wanted.event) &&
    (wanted.answer === undefined || answers.includes(wanted.answer))
  );
}

/** @throws JetfleetError `JETFLEET_NOT_FOUND` */
export async function getDelivery(queue: JobQueueService, id: string): Promise<WholeDelivery> {
  const job = await queue.getJob(id);
  if (job?.type !== sendWebhook.type)
    throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no webhook ${JSON.stringify(id)}`);
  return wholeDeliveryOf(job, await queue.history(id));
}

/**
 * Sends webhooks once more that failed for good, oldest first.
 * @returns how many fit, and the jobs that run
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export async function replayDeliveries(
  queue: JobQueueService,
  filter: ReplayFilter,
  options: ReplayOptions = {},
): Promise<{ count: number; ids: string[] }> {
  assertOptions('filter', filter, REPLAY_FILTER);
  assertOptions('options', options, REPLAY);
  checkBoolean('dryRun', options.dryRun);
  checkInteger('limit', options.limit, 1);
  const { endpoint, event, answer, since, until } = filter;
  for (const [name, value] of Object.entries({ endpoint, event, answer })) checkText(name, value);
  const tags = endpoint === undefined ? undefined : [endpointTag(endpoint)];
  const found: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await queue.getJobs({
      ...defined({ since, until, tags, cursor }),
      type: sendWebhook.type,
      deadLetters: true,
      order: 'oldest',
      limit: REPLAY_PAGE,
    });
    const fitting = page.jobs.map(deliveryOf).filter((each) => fits(each, { event, answer }));
    found.push(...fitting.map(({ id }) => id));
    cursor = page.cursor;
  } while (cursor !== undefined);
  if (options.dryRun) return { count: found.length, ids: [] };
  const ids: string[] = [];
  for (const id of found) {
    if (ids.length === options.limit) break;
    try {
      ids.push((await queue.retry(id)).id);
      queue.userCode.run('onProgress', () => options.onProgress?.(ids.length));
    } catch (error) {
      // Somebody else has sent or removed it meanwhile.
      if (!(error instanceof ConflictError) && !JetfleetError.is(error, 'JETFLEET_NOT_FOUND')) throw error;
    }
  }
  return { count: found.length, ids };
}

function eventOf({ payload }: JobRecord): string | undefined {
  return textField(Object(payload).payload, 'type');
}

/** A `send_webhook` job as a delivery, without secrets. */
export function deliveryOf(record: JobRecord): WebhookDelivery {
  const job = shownJob(record);
  const { id, parentId, status, state, attempt, maxAttempts, createdAt, updatedAt, nextRunAt, error } = job;
  return defined({
    id,
    parentId,
    endpoint: textField(job.payload, 'endpoint') || undefined,
    url: textField(job.payload, 'url') || undefined,
    event: eventOf(job),
    status,
    state,
    attempt,
    maxAttempts,
    createdAt,
    updatedAt,
    nextRunAt,
    parked: job.limited ? 'line' : state === 'waiting' ? parkedIn(job.checkpoint) : undefined,
    response: answerOf(job),
    error,
  }) as WebhookDelivery;
}

function parkedIn(checkpoint: unknown): ParkedReason | undefined {
  const reason = textField(checkpoint, 'parked');
  return PARKED_REASONS.find((each) => each === reason);
}

/** With what was sent, and each attempt. */
export function wholeDeliveryOf(job: JobRecord, history: readonly RecordedTransition[]): WholeDelivery {
  const { payload, headers } = Object(shownJob(job).payload) as Record<string, unknown>;
  return {
    ...deliveryOf(job),
    payload: payload ?? null,
    ...(headers !== undefined && { headers: headers as Record<string, string> }),
    attempts: attemptsOf(history.map(({ record }) => record)),
  };
}

/** A wait that is written once more, so that it does not expire, is no other attempt. */
function attemptsOf(records: readonly JobRecord[]): WebhookAttempt[] {
  const attempts = records.flatMap((record) => attemptOf(record) ?? keptAfter(record) ?? []);
  return attempts.filter(
    ({ attempt, at }, place) =>
      attempts.findIndex((each) => each.attempt === attempt && each.at === at) === place,
  );
}

/** The attempt that disabled its endpoint, after which the webhook was kept. */
function keptAfter({ state, attempt, checkpoint }: JobRecord): WebhookAttempt | undefined {
  const refusal = state === 'waiting' ? refusalIn(checkpoint) : undefined;
  if (!refusal) return undefined;
  const { at, code, message, details } = refusal;
  const error = shownError({ code, message, retryable: false, ...defined({ details }) });
  const response = answerIn(details);
  return defined({ attempt, at, durationMs: response?.durationMs, response, error }) as WebhookAttempt;
}

/** An attempt that ended is the record of what it led to: an end, or a wait for the next one. */
function attemptOf(record: JobRecord): WebhookAttempt | undefined {
  const { state, status, attempt, updatedAt } = record;
  if (attempt === 0 || !(isTerminal(status) || state === 'retrying') || state === 'cancelled')
    return undefined;
  const { error } = shownJob(record);
  const response = answerOf(record);
  const excerpt = record.error?.excerpt ?? deliveryResult.safeParse(record.result).data?.excerpt;
  return defined({
    attempt,
    at: updatedAt,
    durationMs: response?.durationMs,
    response,
    error,
    excerpt: excerpt === undefined || excerpt === '' ? undefined : maskText(excerpt),
  }) as WebhookAttempt;
}

function answerOf({ result, error }: JobRecord): WebhookAnswer | undefined {
  const delivered = deliveryResult.safeParse(result).data;
  if (delivered) {
    const { excerpt: _, ...answer } = delivered;
    return defined(answer) as WebhookAnswer;
  }
  return answerIn(error?.details);
}

function answerIn(details: AttemptDetails | undefined): WebhookAnswer | undefined {
  if (!details) return undefined;
  const { status, error: kind, durationMs, headers } = details;
  return defined({ status, error: kind, durationMs, headers }) as WebhookAnswer;
}

import type { CreateInstancePayload, CreateInstanceResult } from '../src/instances/schemas.js';
import { formatAmount } from '../src/jobs/amount.js';
import { defined } from '../src/jobs/defined.js';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import { laterBy } from '../src/jobs/later-by.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { textField } from '../src/jobs/text-field.js';
import { DEFAULT_MAX_WAIT_TIME_MS } from './repeated.js';
import { emptyInput, type RunInput } from './run-input.js';

/** What the chart needs to know of something that can be rented; the worker's own offers carry more. */
export interface Offer {
  provider?: string;
  productId: string;
  region: string;
  /** By which the offer is avoided, in this job and by others. */
  key?: string;
}

/** An offer that refused this job, or was passed over since its turn comes later. */
export interface RefusedOffer {
  offer: Offer;
  error: JobErrorInfo;
  turnInMs?: number | undefined;
}

/** As many as a payload holds. */
const MAX_AVOIDED = 50;

export interface FoundInstance {
  id: string;
}

export interface CreateInstanceContext {
  input: RunInput<CreateInstancePayload>;
  instanceName: string;
  /** An earlier create may have been carried out. */
  outcomeUnknown: boolean;
  lookUps: number;
  unknownCreates: number;
  /** Offers not yet refused, the present one first; undefined until resolved. */
  offers?: Offer[];
  /** Those that refused in this run, the latest last. */
  refused: RefusedOffer[];
  found: string[];
  created?: string;
  error?: JobErrorInfo;
  /** Nothing was sent: the job waits for its turn among the calls of the account. */
  waitMs?: number;
  /** How long a job waits that waits for capacity, before it asks again. */
  capacityPollMs: number;
}

export function contextOf(
  input: RunInput<CreateInstancePayload> | undefined,
  capacityPollMs: number,
): CreateInstanceContext {
  const given = input ?? emptyInput<CreateInstancePayload>();
  const instanceName = textField(given.checkpoint, 'instanceName') ?? '';
  const isKnown = textField(given.checkpoint, 'creates') !== undefined;
  return {
    input: given,
    instanceName,
    outcomeUnknown: instanceName !== '' && !isKnown,
    lookUps: 0,
    unknownCreates: 0,
    refused: [],
    capacityPollMs,
    found: [],
  };
}

/** Of which the whole provider is to blame: its other offers would be refused as well, those of another one may do. */
const PROVIDER_WIDE: readonly string[] = [
  'JETFLEET_PROVIDER_QUOTA',
  'JETFLEET_PROVIDER_BALANCE',
  'JETFLEET_PROVIDER_AUTH',
  'JETFLEET_PROVIDER_RATE_LIMITED',
];

/** The offers that are left after a refusal; undefined where the error is none. */
export function offersAfter(
  { offers = [] }: CreateInstanceContext,
  code: string | undefined,
): Offer[] | undefined {
  const [refused, ...rest] = offers;
  if (code === 'JETFLEET_PROVIDER_CAPACITY') return rest;
  if (code === undefined || !PROVIDER_WIDE.includes(code)) return undefined;
  return rest.filter(({ provider }) => provider !== refused?.provider);
}

/**
 * By what a job fails that the last provider has refused: what another one may give later is tried again, and one that could not be asked
 * (`unasked` of the error) is asked then.
 */
export function lastingRefusal({ refused }: CreateInstanceContext, thrown: unknown): JobErrorInfo {
  const { unasked } = Object(thrown) as { unasked?: unknown };
  const error = toJobError(unasked ?? thrown);
  if (error.retryable || !error.code.startsWith('JETFLEET_PROVIDER_')) return error;
  return refused.findLast((earlier) => earlier.error.retryable)?.error ?? error;
}

export function noCapacity(payload: CreateInstancePayload): JobErrorInfo {
  const { productName, products = [], region, regions = [], maxPricePerHour } = payload;
  const what = [productName, ...products].join(', ');
  const price = maxPricePerHour === undefined ? '' : ` for at most ${formatAmount(maxPricePerHour)} an hour`;
  const message = `No offer of ${what} in ${[region, ...regions].join(', ')}${price}`;
  return { code: 'JETFLEET_PROVIDER_CAPACITY', message, retryable: true };
}

/** How long a job hibernates that has found no capacity, and waits for some. */
function waitForCapacityMs({ input, error, capacityPollMs }: CreateInstanceContext): number | undefined {
  const { waitForCapacityUntil } = input.payload;
  const isFull = error === undefined || error.code === 'JETFLEET_PROVIDER_CAPACITY';
  if (!isFull || waitForCapacityUntil === undefined) return undefined;
  const leftMs = Date.parse(waitForCapacityUntil) - Date.parse(input.now);
  return leftMs > 0 ? Math.min(capacityPollMs, leftMs) : undefined;
}

/** In how many milliseconds a call may be sent that was not, since others come first; undefined for any other error. */
export function turnInMsOf(error: unknown): number | undefined {
  const { turnInMs } = Object(error) as { turnInMs?: unknown };
  return typeof turnInMs === 'number' ? turnInMs : undefined;
}

/** For how long a job waits that the last provider has refused: for one that was passed over since its turn comes later. */
export function passedOverMs({ refused }: CreateInstanceContext, { code }: JobErrorInfo): number | undefined {
  if (!code.startsWith('JETFLEET_PROVIDER_')) return undefined;
  return refused.find(({ turnInMs }) => turnInMs !== undefined)?.turnInMs;
}

export function outcomeOf(context: CreateInstanceContext): JobOutcome {
  const { input, created, found, offers, error, waitMs } = context;
  if (waitMs !== undefined) return { kind: 'snoozed', delayMs: waitMs };
  const novitaInstanceId = created ?? found[0];
  if (error || novitaInstanceId === undefined) {
    const forMs = waitForCapacityMs(context);
    if (forMs !== undefined) return { kind: 'snoozed', delayMs: forMs };
    const timedOut = error?.code === 'JETFLEET_INSTANCE_TIMEOUT';
    return { kind: 'failed', error: error ?? noCapacity(input.payload), ...(timedOut && { timedOut }) };
  }
  const { instanceId, onTimeout } = input.payload;
  const webhookUrl = input.payload.webhookUrl ?? input.webhookUrl;
  const offer = created === undefined ? undefined : offers?.[0];
  const duplicates = created === undefined ? found.slice(1) : [];
  const result: CreateInstanceResult = {
    novitaInstanceId,
    ...(offer && {
      ...defined({ provider: offer.provider }),
      region: offer.region,
      productId: offer.productId,
    }),
    adopted: created === undefined,
    ...(duplicates.length > 0 && { duplicates }),
  };
  const startTime = startTimeOf(context);
  const { watch: wanted } = input.payload;
  const watch = wanted && { ...wanted, createJobId: input.jobId };
  const maxWaitTime = maxWaitTimeOf(input.payload, startTime);
  const monitored = { instanceId, novitaInstanceId, startTime, maxWaitTime, webhookUrl, onTimeout, watch };
  const next = nextOfferOf(input, startTime, rentedOffer(context));
  const payload = defined({ ...monitored, ...next });
  const deletes = duplicates.map((id, index) => ({
    type: 'delete_instance',
    idSuffix: `delete-${index + 1}`,
    payload: { instanceId, novitaInstanceId: id },
  }));
  const { lease } = input.payload;
  const kept = { instanceId, novitaInstanceId, leaseMs: lease?.ms };
  const leases = lease ? [{ type: 'keep_lease', idSuffix: 'lease', payload: kept }] : [];
  return {
    kind: 'completed',
    result,
    next: [{ type: 'monitor_instance', idSuffix: 'monitor', payload }, ...leases, ...deletes],
  };
}

/** Of an instance that an earlier run rented: when its create was sent, so that an adoption gives it no time of its own. */
function startTimeOf({ created, unknownCreates, input }: CreateInstanceContext): string {
  const sentAt = textField(input.checkpoint, 'sentAt');
  if (created !== undefined || unknownCreates > 0 || sentAt === undefined) return input.now;
  return Date.parse(sentAt) < Date.parse(input.now) ? sentAt : input.now;
}

/** By its key: the one whose create was sent last, in this run or in an earlier one. */
function rentedOffer({ created, unknownCreates, offers, input }: CreateInstanceContext): string | undefined {
  if (created !== undefined || unknownCreates > 0) return offers?.[0]?.key;
  return textField(input.checkpoint, 'offer');
}

/** Less time than this is none for another offer. */
export const MIN_OFFER_MS = 1_000;

/** Whether the time of a chain of offers is over. */
export function isOver({ input }: CreateInstanceContext): boolean {
  const { deadline } = input.payload;
  return deadline !== undefined && Date.parse(deadline) - Date.parse(input.now) < MIN_OFFER_MS;
}

export function overdue({ payload }: RunInput<CreateInstancePayload>): JobErrorInfo {
  const message = `No offer came to run until ${payload.deadline}; the last instance was deleted`;
  return { code: 'JETFLEET_INSTANCE_TIMEOUT', message, retryable: false };
}

/** How long the monitor waits: no longer than the chain of offers may take. */
function maxWaitTimeOf(
  { maxWaitTime, deadline }: CreateInstancePayload,
  startTime: string,
): number | undefined {
  if (deadline === undefined) return maxWaitTime;
  const leftMs = Math.max(Date.parse(deadline) - Date.parse(startTime), MIN_OFFER_MS);
  return Math.min(maxWaitTime ?? DEFAULT_MAX_WAIT_TIME_MS, leftMs);
}

/** What the monitor needs to go on to the next offer, where this one has a time of its own and is deleted once it is over. */
function nextOfferOf(
  { payload, maxAttempts, timeoutMs, tags, ...input }: RunInput<CreateInstancePayload>,
  startTime: string,
  key: string | undefined,
) {
  const {
    offerTimeoutMs,
    onTimeout = 'delete',
    avoid = [],
    maxWaitTime = DEFAULT_MAX_WAIT_TIME_MS,
  } = payload;
  if (offerTimeoutMs === undefined || onTimeout !== 'delete' || key === undefined) return {};
  // What the user avoids is never forgotten: the chain ends where the list is full.
  if (avoid.length >= MAX_AVOIDED) return {};
  const { deadline = laterBy(startTime, maxWaitTime) } = payload;
  const webhookUrl = payload.webhookUrl ?? input.webhookUrl;
  const nextOffer = defined({ ...payload, webhookUrl, deadline, avoid: [...avoid, key] });
  const nextOptions = defined({ maxAttempts, timeoutMs, tags: tags && [...tags] });
  return { offerTimeoutMs, nextOffer, nextOptions };
}

/** An endpoint: where webhooks of some events go, and how. */
import * as z from 'zod';
import { ValidationError } from '../../jobs/errors.js';
import { httpUrl } from '../../jobs/http-url.js';
import { checkedSettings, MAX_CONCURRENCY, type RateLimit } from '../../jobs/limit.js';
import { maskFault } from '../../jobs/mask.js';
import { parseSigningKey } from '../keys.js';
import { webhookHeaders } from '../payload-schemas.js';
import { MAX_KEEP_AGE_MS, MAX_KEEP_COUNT } from './keep-limits.js';

export const ENDPOINT_ID = '1 to 40 of A-Z a-z 0-9 _ -';
const ID = /^[A-Za-z0-9_-]{1,40}$/;
/** `instance.*`, `job.failed`, `*`. */
const EVENT = /^(\*|[a-zA-Z0-9_]{1,40}(\.[a-zA-Z0-9_]{1,40}){0,3}(\.\*)?)$/;
export const FORMATS = ['standard', 'cloudevents', 'cloudevents-binary'] as const;
/** The shape of a webhook: that of Standard Webhooks, or CloudEvents 1.0 as structured or binary HTTP messages. */
export type EndpointFormat = (typeof FORMATS)[number];
export const DEFAULT_KEEP = { maxAgeMs: 7 * 86_400_000, maxCount: 10_000 } as const;
const HOUR_MS = 3_600_000;

const rate = z.strictObject({
  max: z.number().int().min(1).max(100_000),
  perMs: z
    .number()
    .int()
    .min(100)
    .max(7 * 24 * HOUR_MS),
});
const keep = z.strictObject({
  maxAgeMs: z.number().int().min(60_000).max(MAX_KEEP_AGE_MS).optional(),
  maxCount: z.number().int().min(0).max(MAX_KEEP_COUNT).optional(),
});

/** What can be said of an endpoint. */
export const endpointSettings = z.strictObject({
  url: httpUrl.superRefine((url, context) => {
    const fault = maskFault(url);
    if (fault !== undefined) context.addIssue(fault);
  }),
  description: z.string().max(500).optional(),
  events: z
    .array(
      z.string().regex(EVENT, 'must be an event such as job.failed, or a pattern such as instance.*, or *'),
    )
    .min(1)
    .max(50)
    .optional(),
  headers: webhookHeaders.optional(),
  concurrency: z.number().int().min(1).max(MAX_CONCURRENCY).optional(),
  rate: rate.optional(),
  ordered: z.boolean().optional(),
  format: z.enum(FORMATS).optional(),
  keep: keep.optional(),
});
export type EndpointSettings = z.input<typeof endpointSettings>;

export interface NewEndpoint extends EndpointSettings {
  /** 1 to 40 of `A-Z a-z 0-9 _ -`. Defaults to a new one. */
  id?: string;
  /** `whsec_…` or `whsk_…`. Defaults to a new `whsec_`. */
  secret?: string;
}

/** An endpoint as it is stored. Times are ISO 8601. */
export interface StoredEndpoint {
  v: 1;
  id: string;
  url: string;
  description?: string;
  events: string[];
  concurrency: number;
  rate?: RateLimit;
  ordered: boolean;
  format: EndpointFormat;
  keep: { maxAgeMs: number; maxCount: number };
  /** Its secrets and headers, encrypted. */
  sealed: string;
  createdAt: string;
  updatedAt: string;
}

export function assertEndpointId(id: unknown): asserts id is string {
  if (isEndpointId(id)) return;
  throw invalid([{ path: 'id', message: `must be ${ENDPOINT_ID}` }]);
}

export function isEndpointId(id: unknown): id is string {
  return typeof id === 'string' && ID.test(id);
}

/** @throws ValidationError `JETFLEET_ENDPOINT_INVALID` with every fault by its path; `JETFLEET_WEBHOOK_SECRET_INVALID` */
export function checkedEndpoint(given: unknown): Omit<NewEndpoint, 'id'> & { id?: string } {
  const { id, secret, ...settings } = Object(given) as NewEndpoint;
  if (id !== undefined) assertEndpointId(id);
  if (secret !== undefined) parseSigningKey(String(secret));
  return {
    ...settingsOf(endpointSettings, settings),
    ...(id !== undefined && { id }),
    ...(secret !== undefined && { secret }),
  };
}

/** `null` takes back what was said. @throws ValidationError `JETFLEET_ENDPOINT_INVALID` */
export const endpointChange = endpointSettings
  .extend({
    description: endpointSettings.shape.description.nullable(),
    rate: rate.nullable().optional(),
    headers: webhookHeaders.nullable().optional(),
  })
  .partial();
export type EndpointChange = z.input<typeof endpointChange>;

export function checkedChange(given: unknown): EndpointChange {
  return settingsOf(endpointChange, given);
}

function settingsOf<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const result = schema.safeParse(given);
  if (!result.success) {
    throw invalid(
      result.error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message })),
    );
  }
  const { rate } = result.data as EndpointSettings;
  if (rate) checkedSettings('endpoint', { rate });
  return result.data;
}

function invalid(problems: { path: string; message: string }[]): ValidationError {
  const all = problems.map(({ path, message }) => (path ? `${path}: ${message}` : message)).join('; ');
  return new ValidationError('JETFLEET_ENDPOINT_INVALID', `the endpoint cannot be used: ${all}`, {
    problems,
  });
}

/** Whether an endpoint wants an event. How other endpoints fare is told only to those that ask for it, since it names them. */
export function wantsEvent({ events }: Pick<StoredEndpoint, 'events'>, type: string): boolean {
  return events.some(
    (pattern) =>
      (pattern === '*' && !type.startsWith('endpoint.')) ||
      pattern === type ||
      (pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1))),
  );
}

const decoder = new TextDecoder();

/** Undefined for what is no endpoint. */
export function decodeEndpoint(data: Uint8Array): StoredEndpoint | undefined {
  try {
    const stored = JSON.parse(decoder.decode(data)) as StoredEndpoint;
    const { id, url, events, concurrency, rate, ordered, format, keep, description } = stored;
    const settings = {
      url,
      events,
      concurrency,
      ordered,
      format,
      keep,
      ...(rate && { rate }),
      ...(description !== undefined && { description }),
    };
    const isWhole =
      stored.v === 1 &&
      isEndpointId(id) &&
      typeof stored.sealed === 'string' &&
      endpointSettings.safeParse(settings).success;
    return isWhole ? stored : undefined;
  } catch {
    return undefined;
  }
}

/** The clocks of two workers differ by less. */
export const CLOCK_SLACK_MS = 100;

/** Whether something happened before an endpoint was added: then it is about another one that had its id. */
export function isBefore(atMs: number, createdAt: string): boolean {
  return atMs < Date.parse(createdAt) - CLOCK_SLACK_MS;
}

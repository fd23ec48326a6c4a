/** How often the API of a provider may be called: what it publishes, what its user says, and which calls count for what. */
import { createHash } from 'node:crypto';
import { invalidOption } from '../../jobs/errors.js';
import { excerptOf, quoted } from '../../jobs/excerpt.js';
import { checkedSettings, type RateLimit } from '../../jobs/limit.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';
import type { CallKind } from './api-errors.js';
import type { CallLimit } from './call-turns.js';

/** What calls of all providers do, as far as their limits go. `change`: start, stop, restart, migrate. */
export type Operation = 'create' | 'read' | 'list' | 'delete' | 'change' | 'offers' | 'templates';
/** At most `max` calls of an operation start in `perMs`; `all` counts the calls of every operation. */
export type CallRates = Partial<Record<Operation | 'all', RateLimit>>;
/** In place of what the provider publishes: a rate, or false for none. */
export type GivenCallRates = Partial<Record<Operation | 'all', RateLimit | false>>;
/** The operation of each route, such as `GET /instances/{id}`. */
export type Operations = Readonly<Record<string, Operation>>;

/** What an API says of its limits. */
export interface PublishedRates {
  /** By the route of a call. Defaults to what its kind says. */
  operations?: Operations;
  /** Defaults to none: only what the API answers slows calls down. */
  rates?: CallRates;
  /** Whether all operations share one quota: an answer that a limit is reached is then about all of them. Defaults to false. */
  hasOneQuota?: boolean;
}

const OPERATIONS: OptionNames<Required<GivenCallRates>> = {
  all: true,
  create: true,
  read: true,
  list: true,
  delete: true,
  change: true,
  offers: true,
  templates: true,
};
const OF_KIND: Readonly<Record<CallKind, Operation>> = {
  create: 'create',
  read: 'read',
  repeatable: 'change',
};
/**
 * A request takes longer to arrive than the one before it, by so much at most: a part of the time of the rate, within bounds. The rate that
 * holds is slower by this.
 */
const SLACK = 0.1;
const MIN_SLACK_MS = 250;
const MAX_SLACK_MS = 1_000;

/** @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_LIMIT_INVALID` */
export function checkRates(what: string, given: GivenCallRates | false | undefined): void {
  if (given === undefined || given === false) return;
  assertOptions(what, given, OPERATIONS);
  for (const [operation, rate] of Object.entries(given)) {
    if (rate !== false && rate !== undefined) checkedSettings(`${what}.${operation}`, { rate });
  }
}

/** The limits of one account. */
export class AccountLimits {
  readonly #api: string;
  readonly #account: string;
  readonly #published: PublishedRates;
  readonly #rates: CallRates;
  readonly #routes: readonly [RegExp, Operation][];

  /** @param api the name of the provider, as limits begin with it */
  constructor(
    api: string,
    account: string,
    published: PublishedRates,
    given: GivenCallRates | false | undefined,
  ) {
    this.#api = api;
    this.#account = account;
    this.#published = published;
    this.#rates = ratesOf(published.rates, given);
    this.#routes = Object.entries(published.operations ?? {}).map(([route, operation]) => [
      new RegExp(`^${route.replaceAll(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll(/\{\w+\}/g, '[^/]+')}$`),
      operation,
    ]);
  }

  operationOf(route: string, kind: CallKind): Operation {
    return this.#routes.find(([pattern]) => pattern.test(route))?.[1] ?? OF_KIND[kind];
  }

  /** What a call counts for: the limit of its operation, and that of all of them. */
  of(operation: Operation): CallLimit[] {
    const own = this.#rates[operation] || !this.#isShared ? [this.#limit(operation)] : [];
    return this.#isShared ? [...own, this.#limit('all')] : own;
  }

  /** The limit that an answer is about which says that one is reached: the narrowest. */
  toldOf(operation: Operation): CallLimit {
    return this.of(operation)[0] as CallLimit;
  }

  get #isShared(): boolean {
    return this.#rates.all !== undefined || this.#published.hasOneQuota === true;
  }

  #limit(operation: Operation | 'all'): CallLimit {
    const rate = this.#rates[operation];
    const limit = { name: `${this.#api}/${operation}`, key: this.#account };
    return rate ? { ...limit, rate: { max: rate.max, perMs: rate.perMs + slackOf(rate) } } : limit;
  }
}

function ratesOf(published: CallRates = {}, given: GivenCallRates | false = {}): CallRates {
  if (given === false) return {};
  const all = Object.entries({ ...published, ...given });
  return Object.fromEntries(all.filter(([, rate]) => rate));
}

function slackOf({ perMs }: RateLimit): number {
  const least = Math.min(MIN_SLACK_MS, perMs / 2);
  return Math.round(Math.min(Math.max(perMs * SLACK, least), MAX_SLACK_MS));
}

/** What an account is called where its user says nothing: the same for all who have the key, and nothing can be learnt from it. */
export function accountOf(baseUrl: string, apiKey: string): string {
  return createHash('sha256').update(`jetfleet account\n${baseUrl}\n${apiKey}`).digest('hex').slice(0, 16);
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkAccount(account: unknown): void {
  if (account === undefined || (typeof account === 'string' && /^[A-Za-z0-9_.@-]{1,100}$/.test(account)))
    return;
  throw invalidOption(`account ${excerptOf(account)} must be 1 to 100 of A-Z a-z 0-9 _ . @ -`);
}

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * Rates as a variable says them: `none`, or `create=1/12s, all=60/1m, read=none`.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that names the variable, `JETFLEET_LIMIT_INVALID`
 */
export function parseRates(variable: string, text: string): GivenCallRates | false {
  if (text.trim() === 'none') return false;
  const given: Record<string, RateLimit | false> = {};
  for (const part of text.split(/[\s,]+/).filter(Boolean)) {
    const [, operation = '', none, max, time, unit = ''] =
      /^([a-z]+)=(?:(none)|(\d+)\/(\d+)(ms|s|m|h))$/.exec(part) ?? [];
    if (!operation) {
      const form = 'none, or rates by operation, such as create=1/12s, all=1/1s, read=none';
      throw invalidOption(`${variable} must be ${form}, got ${quoted(part)}`);
    }
    given[operation] = none ? false : { max: Number(max), perMs: Number(time) * (UNITS[unit] as number) };
  }
  checkRates(variable, given);
  return given;
}

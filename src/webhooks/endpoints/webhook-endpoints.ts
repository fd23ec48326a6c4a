import { DEFAULT_BREAKER_POLICY, HEALTHY } from '../../../machines/index.js';
import type { Broker } from '../../broker/broker.js';
import { defined } from '../../jobs/defined.js';
import { ConflictError } from '../../jobs/errors.js';
import { inParts } from '../../jobs/in-parts.js';
import { checkInteger } from '../../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../../jobs/options.js';
import { newUlid } from '../../jobs/ulid.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import { addFollowUp } from '../../queue/job-add.js';
import type { JobQueueService } from '../../queue/job-queue-service.js';
import { Alerts } from '../../telemetry/alerts.js';
import { ANY } from '../../wire/subjects.js';
import { sendWebhook } from '../jobs.js';
import { generateWebhookSecret, parseSigningKey } from '../keys.js';
import type { SendWebhookPayload } from '../schemas.js';
import {
  assertEndpointId,
  checkedChange,
  checkedEndpoint,
  DEFAULT_KEEP,
  type EndpointChange,
  type NewEndpoint,
  type StoredEndpoint,
} from './endpoint.js';
import { EndpointHealth } from './endpoint-health.js';
import { type EndpointKeys, endpointKeys } from './endpoint-keys.js';
import { EndpointLine } from './endpoint-line.js';
import { EndpointStore } from './endpoint-store.js';
import { FanOut, openFanOut } from './fan-out.js';
import { DEFAULT_ENDPOINT_CONCURRENCY, limitOf } from './limit-name.js';
import { type ShownEndpoint, shownEndpoint } from './shown-endpoint.js';
import { Turns } from './turns.js';

export type { ShownEndpoint };

/** With its secret, which is shown this one time. */
export type AddedEndpoint = ShownEndpoint & { secret: string };

export interface RotateSecretOptions {
  /** `whsec_…` or `whsk_…`. Defaults to a new `whsec_`. */
  secret?: string;
  /** How long the old secrets sign beside it. Defaults to 24 hours, at most 30 days. */
  keepOldForMs?: number;
}

const ROTATE: OptionNames<Required<RotateSecretOptions>> = { secret: true, keepOldForMs: true };
const DAY_MS = 86_400_000;
const MAX_SECRETS = 10;
const MAX_ENDPOINTS = 1_000;
const READS_AT_ONCE = 32;

interface Parts {
  broker: Broker;
  store: EndpointStore;
  line: EndpointLine;
  health: EndpointHealth;
  turns: Turns;
}

/**
 * `queue.webhookEndpoints`: where webhooks go besides the `webhookUrl` of a job. Each method but `list` and `add` throws JetfleetError
 * `JETFLEET_NOT_FOUND` for an id that no endpoint has.
 */
export class WebhookEndpoints {
  readonly #queue: JobQueueService;
  readonly #keys: () => EndpointKeys;
  #parts: Promise<Parts> | undefined;

  /**
   * @param keys as JETFLEET_WEBHOOK_KEYS has them
   * @internal
   */
  constructor(queue: JobQueueService, keys: string | undefined) {
    this.#queue = queue;
    this.#keys = () => endpointKeys(keys);
  }

  /** All endpoints by id. */
  async list(): Promise<ShownEndpoint[]> {
    const parts = await this.#open();
    const { store, turns } = parts;
    const [endpoints, healths, { count }] = await Promise.all([
      store.all(),
      store.healths(),
      turns.count(ANY),
    ]);
    const kept = (id: string) => (count === 0 ? { count } : turns.count(id));
    return inParts(endpoints, READS_AT_ONCE, async (endpoint) =>
      shownEndpoint(endpoint, healths.get(endpoint.id) ?? HEALTHY, await kept(endpoint.id), this.#keys),
    );
  }

  async get(id: string): Promise<ShownEndpoint> {
    const parts = await this.#open();
    return this.#shown(parts, (await this.#find(parts, id)).value);
  }

  /**
   * Adds an endpoint. From then on it is sent the webhooks of jobs that end.
   * @throws ValidationError `JETFLEET_ENDPOINT_INVALID`, `JETFLEET_WEBHOOK_SECRET_INVALID`; JetfleetError `JETFLEET_ENDPOINT_SEALED`
   *   without keys; ConflictError for an id that is taken
   */
  async add(endpoint: NewEndpoint): Promise<AddedEndpoint> {
    const {
      id = `ep-${newUlid()}`,
      secret = generateWebhookSecret(),
      headers = {},
      ...given
    } = checkedEndpoint(endpoint);
    const keys = this.#keys();
    const parts = await this.#open();
    const at = this.#now(parts);
    const { url, description, events = ['*'], rate, ordered = false, format = 'standard' } = given;
    const stored: StoredEndpoint = {
      v: 1,
      id,
      url,
      events,
      concurrency: given.concurrency ?? DEFAULT_ENDPOINT_CONCURRENCY,
      ordered,
      format,
      keep: { ...DEFAULT_KEEP, ...defined(given.keep ?? {}) },
      ...defined({ description, rate }),
      sealed: keys.seal(id, { secrets: [{ secret, since: at }], headers }),
      createdAt: at,
      updatedAt: at,
    };
    if ((await parts.store.all()).length >= MAX_ENDPOINTS)
      throw new ConflictError(`there are ${MAX_ENDPOINTS} endpoints, which is the most; remove some`);
    await openFanOut(parts.broker);
    try {
      await parts.store.put(stored, 0);
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
      throw new ConflictError(`there is an endpoint ${id} already; choose another id, or update it`);
    }
    // An attempt to reach an earlier one of this id may have ended after that was removed.
    await parts.store.forgetHealth(id);
    await this.#limit(stored);
    return { ...(await this.#shown(parts, stored)), secret };
  }

  /**
   * Changes what is given; `null` takes a description, headers or a rate back.
   * @throws ValidationError `JETFLEET_ENDPOINT_INVALID`; ConflictError when somebody else has changed it at the same time
   */
  async update(id: string, change: EndpointChange): Promise<ShownEndpoint> {
    const { headers, keep, ...given } = checkedChange(change);
    return this.#change(id, (before, keys) => {
      const { description, rate, ...rest } = { ...before, ...defined(given) };
      return {
        ...rest,
        ...(description != null && { description }),
        ...(rate != null && { rate }),
        keep: { ...before.keep, ...defined(keep ?? {}) },
        ...(headers !== undefined && {
          sealed: keys.seal(id, { ...keys.open(id, before.sealed), headers: headers ?? {} }),
        }),
      } as StoredEndpoint;
    });
  }

  /**
   * Signs with a new secret from now on. The old ones sign beside it for a while, so that receivers can change over.
   * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID`, `JETFLEET_OPTION_INVALID`; JetfleetError `JETFLEET_ENDPOINT_SEALED`
   */
  async rotateSecret(id: string, options: RotateSecretOptions = {}): Promise<AddedEndpoint> {
    assertOptions('options', options, ROTATE);
    const { secret = generateWebhookSecret(), keepOldForMs = DAY_MS } = options;
    parseSigningKey(String(secret));
    checkInteger('keepOldForMs', keepOldForMs, 0, 30 * DAY_MS);
    const shown = await this.#change(id, (before, keys, at) => {
      const { secrets, ...rest } = keys.open(id, before.sealed);
      const until = new Date(Date.parse(at) + keepOldForMs).toISOString();
      const old = secrets
        .map((each) => ({
          ...each,
          until: each.until !== undefined && each.until < until ? each.until : until,
        }))
        .filter((each) => each.until > at);
      const all = [{ secret, since: at }, ...old].slice(0, MAX_SECRETS);
      return { ...before, sealed: keys.seal(id, { ...rest, secrets: all }) };
    });
    return { ...shown, secret };
  }

  /** Encrypts the secrets of all endpoints with the first of the keys, so that the others can be taken away. @returns how many there are */
  async reseal(): Promise<number> {
    const parts = await this.#open();
    const all = await parts.store.all();
    for (const { id } of all)
      await this.#change(id, (before, keys) => ({
        ...before,
        sealed: keys.seal(id, keys.open(id, before.sealed)),
      }));
    return all.length;
  }

  /** Keeps its webhooks from now on. Those that are under way arrive. */
  async disable(id: string, reason?: string): Promise<ShownEndpoint> {
    checkText('reason', reason);
    const parts = await this.#open();
    const { value } = await this.#find(parts, id);
    await parts.health.note(id, { type: 'DISABLE', at: this.#now(parts), reason });
    // This process may end with the call.
    await parts.health.tellUntold(id);
    return this.#shown(parts, value);
  }

  /** Sends what was kept, in order, and what comes. An endpoint that rests is tried at once. */
  async enable(id: string): Promise<ShownEndpoint> {
    const parts = await this.#open();
    const { value } = await this.#find(parts, id);
    const at = this.#now(parts);
    const { state } = await parts.health.note(id, { type: 'ENABLE', at });
    if (state !== 'closed') await parts.health.note(id, { type: 'SUCCEEDED', at });
    await parts.line.reopen(id);
    await Promise.all([parts.turns.wakeAll(id), parts.health.tellUntold(id)]);
    return this.#shown(parts, value);
  }

  /** Removes it. Webhooks that are still to be delivered to it fail. */
  async remove(id: string): Promise<void> {
    const parts = await this.#open();
    await this.#find(parts, id);
    await parts.store.remove(id);
    await parts.turns.forget(id);
    await parts.line.reopen(id);
    await this.#queue.limits.reset(limitOf(id));
  }

  /** Sends it a webhook of the type `webhook.test`. @returns the id of the job that delivers it */
  async test(id: string): Promise<string> {
    const parts = await this.#open();
    await this.#find(parts, id);
    const nowMs = parts.broker.clock.now();
    const timestamp = new Date(nowMs).toISOString();
    const data = { endpointId: id, message: 'A test of this endpoint.' };
    const payload: SendWebhookPayload = {
      endpoint: id,
      payload: { type: 'webhook.test', timestamp, sequence: nowMs, data },
    };
    const jobId = `webhook-test-${newUlid()}`;
    const job = { id: jobId, type: sendWebhook.type, payload, priority: JobPriority.HIGH, maxAttempts: 1 };
    return addFollowUp(parts.broker, { ...job, createdAt: timestamp });
  }

  async #change(
    id: string,
    change: (before: StoredEndpoint, keys: EndpointKeys, at: string) => StoredEndpoint,
  ): Promise<ShownEndpoint> {
    const keys = this.#keys();
    const parts = await this.#open();
    const { value, seq } = await this.#find(parts, id);
    const updatedAt = this.#now(parts);
    const changed = { ...change(value, keys, updatedAt), updatedAt };
    await parts.store.put(changed, seq);
    await this.#limit(changed);
    return this.#shown(parts, changed);
  }

  /** How many webhooks go to it at once, and in a time, is a limit of the queue. */
  async #limit({ id, concurrency, rate }: StoredEndpoint): Promise<void> {
    await this.#queue.limits.set(limitOf(id), { concurrency, ...defined({ rate }) });
  }

  async #find(parts: Parts, id: string) {
    assertEndpointId(id);
    return parts.store.endpoint(id);
  }

  async #shown({ store, turns }: Parts, endpoint: StoredEndpoint): Promise<ShownEndpoint> {
    const { id } = endpoint;
    const [{ value }, kept] = await Promise.all([store.health(id), turns.count(id)]);
    return shownEndpoint(endpoint, value, kept, this.#keys);
  }

  #now({ broker }: Parts): string {
    return new Date(broker.clock.now()).toISOString();
  }

  async #open(): Promise<Parts> {
    const broker = await this.#queue.broker();
    this.#parts ??= Promise.resolve().then(() => {
      const { userCode, logger } = this.#queue;
      const store = new EndpointStore(broker);
      const turns = new Turns(store);
      const fanOut = new FanOut(store, turns, userCode, logger);
      const line = new EndpointLine(this.#queue.limiter(broker));
      const health = new EndpointHealth({
        store,
        line,
        policy: DEFAULT_BREAKER_POLICY,
        alerts: new Alerts(logger),
        logger,
        tell: (...news) => fanOut.tell(...news),
      });
      return { broker, store, line, health, turns };
    });
    return this.#parts;
  }
}

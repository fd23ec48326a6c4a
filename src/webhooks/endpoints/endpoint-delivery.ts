import type { BreakerSnapshot, Parked } from '../../../machines/index.js';
import { defined } from '../../jobs/defined.js';
import { JetfleetError, NonRetryableError } from '../../jobs/errors.js';
import { textField } from '../../jobs/text-field.js';
import type { Logger } from '../../telemetry/logger.js';
import type { ParkedReason } from '../../wire/parked-reason.js';
import type { JobContext } from '../../worker/job-handler.js';
import type { Delivery, ParkedRefusal, SendWebhookPayload } from '../schemas.js';
import type { WebhookClient } from '../webhook-client.js';
import { isBefore, type StoredEndpoint } from './endpoint.js';
import { endpointBody } from './endpoint-body.js';
import type { EndpointHealth } from './endpoint-health.js';
import type { EndpointKeys } from './endpoint-keys.js';
import type { EndpointStore } from './endpoint-store.js';
import { KEPT, type Turns } from './turns.js';

export interface EndpointDeliveryOptions {
  client: WebhookClient;
  store: EndpointStore;
  health: EndpointHealth;
  turns: Turns;
  keys: EndpointKeys;
  logger: Logger;
  /** Of CloudEvents. */
  source: string;
}

/** Why a webhook hibernates; the checkpoint of its job. */
interface ParkedFor {
  parked: Exclude<ParkedReason, 'line'>;
  /** The order in which it has a place. */
  turn?: string;
  /** How often in a row it has waited for its turn. */
  waits?: number;
  /** How the endpoint answered, with which it was disabled: the record of that attempt. */
  refused?: ParkedRefusal;
}

/** A webhook that is woken by others comes by itself after this, should all of them be lost. */
const COME_BACK_MS = 3_600_000;
/** Those before it may have ended between the look and the wait, when nobody saw it wait: it comes by itself, each time later. */
const BEHIND_MS = 10_000;

/** One attempt to deliver a webhook to a registered endpoint. */
export class EndpointDelivery {
  readonly #options: EndpointDeliveryOptions;

  constructor(options: EndpointDeliveryOptions) {
    this.#options = options;
  }

  /**
   * @returns the delivery, or for how long the webhook hibernates: while the endpoint is disabled or rests, and until it is its turn
   * @throws as the client does; JetfleetError `JETFLEET_ENDPOINT_SEALED`; NonRetryableError `JETFLEET_NOT_FOUND`,
   *   `JETFLEET_WEBHOOK_NOT_KEPT`
   */
  async deliver(job: JobContext, payload: SendWebhookPayload): Promise<Delivery | Parked> {
    const { store, turns, health } = this.#options;
    const id = payload.endpoint as string;
    const endpoint = await this.#endpoint(id, job.record);
    const turn = await this.#turnOf(job, endpoint, payload);
    // What is remembered may be over.
    const recent = (await store.recentHealth(id)).value;
    if (recent.state === 'disabled' || recent.untold) {
      if (recent.untold) void health.tellUntold(id);
      const { value } = await store.health(id);
      if (value.state === 'disabled') return this.#keep(job, endpoint, payload, turn);
    }
    if (turn !== undefined) {
      const own = { endpoint: id, key: turn, jobId: job.id };
      if ((await turns.placeOf(own)) === 'behind') return waitForTurn(job.checkpoint, turn);
    }
    const { state } = (await store.recentHealth(id)).value;
    if (state === 'open' || state === 'halfOpen') {
      const { isAllowed, health: now } = await health.mayProbe(id);
      if (now.state === 'disabled') return this.#keep(job, endpoint, payload, turn);
      // It goes into the line of the limit, which is closed.
      if (!isAllowed) return parked(0, { parked: 'resting', ...defined({ turn }) });
    }
    return this.#attempt(job, endpoint, payload, turn);
  }

  /** One that was sent once more goes to whichever endpoint has the id now. */
  async #endpoint(id: string, { createdAt, redrives }: JobContext['record']): Promise<StoredEndpoint> {
    const { store } = this.#options;
    const removed = (message: string) =>
      new NonRetryableError(`${message}: it was removed`, { code: 'JETFLEET_NOT_FOUND' });
    const { value } = await store.recentEndpoint(id).catch((error) => {
      throw JetfleetError.is(error, 'JETFLEET_NOT_FOUND') ? removed(error.message) : error;
    });
    if (redrives === undefined && isBefore(Date.parse(createdAt), value.createdAt))
      throw removed(`the endpoint ${id} of this webhook is gone, and another one has its id`);
    return value;
  }

  /** The order in which it has a place: that which it had before, or that of its instance. */
  async #turnOf(
    job: JobContext,
    endpoint: StoredEndpoint,
    { order }: SendWebhookPayload,
  ): Promise<string | undefined> {
    const before = textField(job.checkpoint, 'turn');
    if (before) return before;
    if (!endpoint.ordered || !order) return undefined;
    await this.#takeTurn(job, endpoint, order.key, order.sequence);
    return order.key;
  }

  #takeTurn(job: JobContext, { id }: StoredEndpoint, key: string, sequence: number): Promise<void> {
    return this.#options.turns.hold({ endpoint: id, key, jobId: job.id, sequence });
  }

  /** Keeps a webhook of a disabled endpoint, with its place in the order. */
  async #keep(
    job: JobContext,
    endpoint: StoredEndpoint,
    { order }: SendWebhookPayload,
    turn: string | undefined,
    refused?: JetfleetError,
  ): Promise<Parked> {
    const { store, turns } = this.#options;
    const { id, keep } = endpoint;
    const createdMs = Date.parse(job.record.createdAt);
    const leftMs = createdMs + keep.maxAgeMs - store.broker.clock.now();
    if (leftMs <= 0) await this.#letGo(job, id, turn, `is older than ${keep.maxAgeMs} ms`);
    const isNew = turn === undefined || job.checkpoint === undefined;
    if (isNew && (await turns.count(id)).count >= keep.maxCount + (turn === undefined ? 0 : 1))
      await this.#letGo(job, id, turn, `is one more than the ${keep.maxCount} that it keeps`);
    const key = turn ?? KEPT;
    await this.#takeTurn(job, endpoint, key, order?.sequence ?? createdMs);
    const checkpoint: ParkedFor = {
      parked: 'disabled',
      turn: key,
      ...(refused && { refused: refusalOf(refused, store.broker.clock.now()) }),
    };
    // Who has enabled it meanwhile may not have seen this one.
    const { value } = await store.health(id);
    if (value.state !== 'disabled') return parked(0, checkpoint);
    return parked(Math.min(leftMs, COME_BACK_MS * (1 + Math.random())), checkpoint);
  }

  async #letGo(job: JobContext, endpoint: string, turn: string | undefined, why: string): Promise<never> {
    if (turn !== undefined) await this.#options.turns.leave({ endpoint, key: turn, jobId: job.id });
    const message = `endpoint ${endpoint} is disabled, and the webhook ${why}; send it once the endpoint is enabled: "jetfleet webhook replay --endpoint ${endpoint}"`;
    throw new NonRetryableError(message, { code: 'JETFLEET_WEBHOOK_NOT_KEPT' });
  }

  async #attempt(
    job: JobContext,
    endpoint: StoredEndpoint,
    payload: SendWebhookPayload,
    turn: string | undefined,
  ): Promise<Delivery | Parked> {
    const { client, keys, health, store, turns, source } = this.#options;
    const { id, url, format } = endpoint;
    const now = () => store.broker.clock.now();
    const { secrets, headers } = keys.open(id, endpoint.sealed);
    const { headers: ofBody, ...body } = endpointBody(format, payload.payload, job.id, source);
    const valid = secrets.filter(({ until }) => until === undefined || Date.parse(until) > now());
    const leave = async () => {
      if (turn === undefined) return;
      await this.#tried(job, id, () => turns.leave({ endpoint: id, key: turn, jobId: job.id }));
    };
    let delivery: Delivery;
    try {
      delivery = await client.deliver({
        ...body,
        url,
        id: job.id,
        headers: { ...headers, ...payload.headers, ...ofBody },
        secrets: valid.map(({ secret }) => secret),
        signal: job.signal,
        now,
      });
    } catch (error) {
      if (job.signal.aborted) {
        // Those behind a cancelled one go on; one that was handed back keeps its place.
        if (JetfleetError.is(job.signal.reason, 'JETFLEET_CANCELLED')) await leave();
        throw error;
      }
      const after = await this.#tried(job, id, () => this.#noted(endpoint, error));
      if (after?.state === 'disabled')
        return this.#keep(job, endpoint, payload, turn, error as JetfleetError);
      const isLast = !(error as JetfleetError).retryable || job.attempt >= job.maxAttempts;
      // Without an order that has to hold, one that is tried again holds up no others.
      if (isLast || !endpoint.ordered) await leave();
      throw error;
    }
    await Promise.all([this.#tried(job, id, () => health.delivered(id)), leave()]);
    return delivery;
  }

  /** What has become of the webhook holds, even where it cannot be written down for the webhooks after it. */
  async #tried<T>(job: JobContext, endpoint: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (err) {
      const text = 'cannot note how a webhook has fared for those after it; they come by themselves';
      this.#options.logger.warn({ err, job: job.id, endpoint }, text);
      return undefined;
    }
  }

  /** Only what the endpoint did counts, while it is there. */
  async #noted({ id, createdAt }: StoredEndpoint, error: unknown): Promise<BreakerSnapshot | undefined> {
    const { health, store } = this.#options;
    if ((await store.endpoint(id)).value.createdAt !== createdAt) return undefined;
    if (JetfleetError.is(error, 'JETFLEET_WEBHOOK_GONE')) return health.gone(id, error.message);
    if (JetfleetError.is(error, 'JETFLEET_WEBHOOK_FAILED')) return health.failed(id, error.message);
    return undefined;
  }
}

/** Without the beginning of the answer, which not everybody may see who sees the job. */
function refusalOf({ code, message, details }: JetfleetError, nowMs: number): ParkedRefusal {
  return { at: new Date(nowMs).toISOString(), code, message, ...defined({ details }) };
}

function waitForTurn(checkpoint: unknown, turn: string): Parked {
  const { waits: before } = Object(checkpoint) as Partial<ParkedFor>;
  const waits = Number.isInteger(before) ? (before as number) : 0;
  return parked(Math.min(BEHIND_MS * 6 ** waits, COME_BACK_MS), { parked: 'turn', turn, waits: waits + 1 });
}

function parked(parkForMs: number, checkpoint: ParkedFor): Parked {
  return { parkForMs, checkpoint };
}

/** From the end of a job to the endpoints that want to hear of it: a durable consumer of EVENTS, which all workers share. */
import type { Broker } from '../../broker/broker.js';
import type { EventMeta, EventSubscription } from '../../broker/consume/event-consumer.js';
import { type EventOptions, wantedConsumer } from '../../broker/consume/event-options.js';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import { failureId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { textField } from '../../jobs/text-field.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import { addFollowUp } from '../../queue/job-add.js';
import type { Logger } from '../../telemetry/logger.js';
import type { UserCode } from '../../telemetry/user-code.js';
import { sendWebhook, WEBHOOK_MAX_ATTEMPTS } from '../jobs.js';
import { type LifecycleWebhook, lifecycleBody } from '../lifecycle-webhook.js';
import type { SendWebhookPayload } from '../schemas.js';
import { isBefore, type StoredEndpoint, wantsEvent } from './endpoint.js';
import type { EndpointStore } from './endpoint-store.js';
import { FAN_OUT } from './passed-events.js';
import type { EndpointNews } from './stored-health.js';
import type { Turns } from './turns.js';

const CONSUMER: EventOptions = {
  durable: FAN_OUT,
  filter: { status: ['completed', 'failed'] },
  from: 'new',
  // Over all workers, in any order: a webhook whose order matters waits until all events before its own were passed on.
  concurrency: 64,
  maxDeliver: 10_000,
};
/** How often a worker looks whether there are endpoints by now. */
const LOOK_MS = 5_000;
/** The next webhook in an order may be about to wait: it is woken again so often. */
const FEW_UNREADY = 4;
const TURN_MS = 30 * 86_400_000;

/** Makes sure that the ends of jobs are kept for the endpoints from now on. */
export async function openFanOut(broker: Broker): Promise<void> {
  const wanted = wantedConsumer(broker.subjects, CONSUMER);
  await broker.topology.ensureConsumer('events', { ...wanted, durable_name: FAN_OUT });
}

export class FanOut {
  readonly #store: EndpointStore;
  readonly #turns: Turns;
  readonly #userCode: UserCode;
  readonly #logger: Logger;
  #subscription: EventSubscription | undefined;
  #looking: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(store: EndpointStore, turns: Turns, userCode: UserCode, logger: Logger) {
    this.#store = store;
    this.#turns = turns;
    this.#userCode = userCode;
    this.#logger = logger;
  }

  /** Takes the ends of jobs once there are endpoints. */
  async start(): Promise<void> {
    if (this.#subscription || this.#isClosed) return;
    clearTimeout(this.#looking);
    try {
      if (await this.#store.isUsed()) {
        const { broker } = this.#store;
        await openFanOut(broker);
        const pass = (record: JobRecord, { seq }: EventMeta) => this.#pass(record, seq);
        const subscription = await broker.events(CONSUMER, pass, this.#userCode);
        // It was closed meanwhile, when there was nothing to close yet.
        if (this.#isClosed) return await subscription.close(0);
        this.#subscription = subscription;
        void subscription.closed
          .catch(() => {})
          .then(() => {
            this.#subscription = undefined;
            this.#lookLater();
          });
      }
    } catch (err) {
      this.#logger.warn({ err }, 'cannot take the ends of jobs for endpoints of webhooks; trying again');
    }
    this.#lookLater();
  }

  async close(withinMs: number): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#looking);
    await this.#subscription?.close(withinMs);
  }

  #lookLater(): void {
    if (this.#subscription || this.#isClosed) return;
    clearTimeout(this.#looking);
    this.#looking = setTimeout(() => void this.start(), LOOK_MS).unref();
  }

  async #pass(record: JobRecord, event: number): Promise<void> {
    // Webhooks about webhooks would never end.
    if (record.type === sendWebhook.type) return this.#letNextGo(record);
    const endedAt = record.finishedAt ?? record.updatedAt ?? record.createdAt;
    const endedMs = Date.parse(endedAt);
    const all = await this.#store.recentAll(endedMs);
    const endpoints = all.filter(({ createdAt }) => !isBefore(endedMs, createdAt));
    if (endpoints.length === 0) return;
    const payload = lifecycleBody(record);
    if (!payload) return;
    const { instanceId, jobId } = payload.data as { instanceId?: string; jobId: string };
    const order = { key: (instanceId ?? jobId).slice(0, 200), sequence: payload.sequence };
    const { id, priority, traceparent, tracestate } = record;
    await this.#send(endpoints, payload, {
      idFor: (endpoint) =>
        failureId(
          { id, ...defined({ redrives: record.redrives }) },
          `webhook-${payload.data.status}-${endpoint}`,
        ),
      createdAt: endedAt,
      priority,
      parentId: id,
      order,
      event,
      ...defined({ traceparent, tracestate }),
    });
  }

  /** A webhook in an order has ended: as a rule it has left, unless it was cancelled, refused or rejected. */
  async #letNextGo({ id, payload, checkpoint }: JobRecord): Promise<void> {
    const endpoint = textField(payload, 'endpoint');
    if (!endpoint) return;
    const key = textField(checkpoint, 'turn') || (await this.#orderOf(endpoint, payload));
    if (!key || (await this.#turns.ended({ endpoint, key, jobId: id }))) return;
    // Other events do not wait for that. Where this process dies meanwhile, the next one comes by itself.
    void this.#turns.wakeFirst({ endpoint, key }, FEW_UNREADY).catch((err) => {
      this.#logger.debug({ err, endpoint }, 'cannot wake the next webhook in order; it comes by itself');
    });
  }

  async #orderOf(endpoint: string, payload: unknown): Promise<string | undefined> {
    const key = textField(Object(payload).order, 'key');
    if (!key) return undefined;
    // The webhooks of one that is gone have no order.
    const found = await this.#store.recentEndpoint(endpoint).catch((error) => {
      if (!JetfleetError.is(error, 'JETFLEET_NOT_FOUND')) throw error;
    });
    return found?.value.ordered ? key : undefined;
  }

  /** Has the other endpoints hear how one of them fares. The same news are told once, to those that were there at that time. */
  async tell(endpointId: string, { event, atMs, ...facts }: EndpointNews): Promise<void> {
    const all = await this.#store.recentAll(this.#store.broker.clock.now());
    const others = all.filter(({ id, createdAt }) => id !== endpointId && !isBefore(atMs, createdAt));
    const timestamp = new Date(atMs).toISOString();
    const payload = { type: event, timestamp, sequence: atMs, data: { endpointId, ...facts } };
    await this.#send(others, payload, {
      idFor: (id) => `${event.replace('.', '-')}-${endpointId}-${atMs}-${id}`,
      createdAt: timestamp,
      priority: JobPriority.HIGH,
    });
  }

  async #send(
    endpoints: readonly StoredEndpoint[],
    payload: LifecycleWebhook | { type: string },
    { idFor, order, event, ...job }: Envelope,
  ): Promise<void> {
    const wanting = endpoints.filter((endpoint) => wantsEvent(endpoint, payload.type));
    await Promise.all(
      wanting.map(async ({ id: endpoint, ordered }) => {
        const id = idFor(endpoint);
        if (ordered && order)
          await this.#turns.take({ endpoint, jobId: id, ...order, ...defined({ event }) }, TURN_MS);
        const body: SendWebhookPayload = { endpoint, payload, ...(order && { order }) };
        await addFollowUp(this.#store.broker, {
          ...job,
          id,
          type: sendWebhook.type,
          payload: body,
          maxAttempts: WEBHOOK_MAX_ATTEMPTS,
        });
      }),
    );
  }
}

interface Envelope {
  /** The same for every repetition. */
  idFor: (endpointId: string) => string;
  createdAt: string;
  priority: JobPriority;
  parentId?: string;
  order?: { key: string; sequence: number };
  /** The sequence of the event that is passed on. */
  event?: number;
  traceparent?: string;
  tracestate?: string;
}

/** From the end of a job to the endpoints that want to hear of it: a durable consumer of EVENTS, which all workers share. */
import type { BreakerSnapshot } from '../../../machines/index.js';
import type { Broker } from '../../broker/broker.js';
import type { EventSubscription } from '../../broker/consume/event-consumer.js';
import { type EventOptions, wantedConsumer } from '../../broker/consume/event-options.js';
import { defined } from '../../jobs/defined.js';
import { failureId } from '../../jobs/job-id.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import { addFollowUp } from '../../queue/job-add.js';
import type { Logger } from '../../telemetry/logger.js';
import type { UserCode } from '../../telemetry/user-code.js';
import { sendWebhook, WEBHOOK_MAX_ATTEMPTS } from '../jobs.js';
import { type LifecycleWebhook, lifecycleBody } from '../lifecycle-webhook.js';
import type { SendWebhookPayload } from '../schemas.js';
import { type StoredEndpoint, wantsEvent } from './endpoint.js';
import type { EndpointEvent } from './endpoint-health.js';
import type { EndpointStore } from './endpoint-store.js';
import type { Turns } from './turns.js';

/** The durable consumer: how far the ends of jobs have been passed on. */
const DURABLE = 'jetfleet-endpoints';
const CONSUMER: EventOptions = {
  durable: DURABLE,
  filter: { status: ['completed', 'failed'] },
  from: 'new',
  // In order: the webhooks of an instance are added as its jobs have ended.
  concurrency: 1,
  maxDeliver: 10_000,
};
/** How often a worker looks whether there are endpoints by now. */
const LOOK_MS = 5_000;
const TURN_MS = 30 * 86_400_000;

/** Makes sure that the ends of jobs are kept for the endpoints from now on. */
export async function openFanOut(broker: Broker): Promise<void> {
  const wanted = wantedConsumer(broker.subjects, CONSUMER);
  await broker.topology.ensureConsumer('events', { ...wanted, durable_name: DURABLE });
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
        const subscription = await this.#store.broker.events(
          CONSUMER,
          (record) => this.#pass(record),
          this.#userCode,
        );
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

  /** Webhooks about webhooks would never end. */
  async #pass(record: JobRecord): Promise<void> {
    if (record.type === sendWebhook.type) return;
    const endedAt = record.finishedAt ?? record.updatedAt ?? record.createdAt;
    const endpoints = await this.#store.recentAll(Date.parse(endedAt));
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
      ...defined({ traceparent, tracestate }),
    });
  }

  /** Has the other endpoints hear how one of them fares. */
  async tell(event: EndpointEvent, endpointId: string, health: BreakerSnapshot): Promise<void> {
    const { failingSince, error, disabledBy, reason } = health;
    const nowMs = this.#store.broker.clock.now();
    const others = (await this.#store.recentAll(nowMs)).filter(({ id }) => id !== endpointId);
    const timestamp = new Date(nowMs).toISOString();
    const payload = {
      type: event,
      timestamp,
      sequence: nowMs,
      data: { endpointId, ...defined({ failingSince, error, disabledBy, reason }) },
    };
    await this.#send(others, payload, {
      idFor: (id) => `${event.replace('.', '-')}-${endpointId}-${nowMs}-${id}`,
      createdAt: timestamp,
      priority: JobPriority.HIGH,
    });
  }

  async #send(
    endpoints: readonly StoredEndpoint[],
    payload: LifecycleWebhook | { type: string },
    { idFor, order, ...job }: Envelope,
  ): Promise<void> {
    const wanting = endpoints.filter((endpoint) => wantsEvent(endpoint, payload.type));
    await Promise.all(
      wanting.map(async ({ id: endpoint, ordered }) => {
        const id = idFor(endpoint);
        if (ordered && order) await this.#turns.take({ endpoint, jobId: id, ...order }, TURN_MS);
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
  traceparent?: string;
  tracestate?: string;
}

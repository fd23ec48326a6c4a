/** From the end of a job to the endpoints that want to hear of it: a durable consumer of EVENTS, which all workers share. */
import { AtOnce } from '../../broker/at-once.js';
import type { Broker } from '../../broker/broker.js';
import type { EventMeta, EventSubscription } from '../../broker/consume/event-consumer.js';
import { type EventOptions, wantedConsumer } from '../../broker/consume/event-options.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { textField } from '../../jobs/text-field.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import { addFollowUp } from '../../queue/job-add.js';
import type { Logger } from '../../telemetry/logger.js';
import type { UserCode } from '../../telemetry/user-code.js';
import { sendWebhook } from '../jobs.js';
import { isBefore, wantsEvent } from './endpoint.js';
import type { EndpointStore } from './endpoint-store.js';
import { type EndpointWebhook, requestFor, webhooksAbout } from './event-webhooks.js';
import { FAN_OUT } from './passed-events.js';
import type { EndpointNews } from './stored-health.js';
import type { Turns } from './turns.js';

const CONSUMER: EventOptions = {
  durable: FAN_OUT,
  filter: { status: ['completed', 'failed'] },
  from: 'new',
  // Of one worker, in any order: a webhook whose order matters waits until the turns of all events before its own are taken.
  concurrency: 64,
  maxDeliver: 10_000,
};
/** Over all workers: those in the hands of some that died, and those that cannot be passed on, leave room for others. */
const MOST_UNACKNOWLEDGED = 2_000;
/** Webhooks that one worker stores at once, of all events: the log of writes takes many more, and is not theirs alone. */
const ADDED_AT_ONCE = 256;
/** How often a worker looks whether there are endpoints by now. */
const LOOK_MS = 5_000;
/** The next webhook in an order may be about to wait: it is woken again so often. */
const FEW_UNREADY = 4;

/** Makes sure that the ends of jobs are kept for the endpoints from now on. */
export async function openFanOut(broker: Broker): Promise<void> {
  const wanted = { ...wantedConsumer(broker.subjects, CONSUMER), max_ack_pending: MOST_UNACKNOWLEDGED };
  await broker.topology.ensureConsumer('events', { ...wanted, durable_name: FAN_OUT });
}

export class FanOut {
  readonly #store: EndpointStore;
  readonly #turns: Turns;
  readonly #userCode: UserCode;
  readonly #logger: Logger;
  readonly #adding = new AtOnce(ADDED_AT_ONCE);
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
    if (record.type === sendWebhook.type) return this.#letNextGo(record);
    await this.#add(await webhooksAbout(record, event, this.#store));
  }

  /** A webhook in an order has ended: as a rule it has left, unless it was cancelled, refused or rejected. */
  async #letNextGo({ id, payload, checkpoint }: JobRecord): Promise<void> {
    const endpoint = textField(payload, 'endpoint');
    if (!endpoint) return;
    const key = textField(checkpoint, 'turn') || (await this.#orderOf(endpoint, payload));
    if (!key || (await this.#turns.ended({ endpoint, key, jobId: id }, await this.#isKept(endpoint)))) return;
    // Other events do not wait for that. Where this process dies meanwhile, the next one comes by itself.
    void this.#turns.wakeFirst({ endpoint, key }, FEW_UNREADY).catch((err) => {
      this.#logger.debug({ err, endpoint }, 'cannot wake the next webhook in order; it comes by itself');
    });
  }

  /** Whether an endpoint keeps its webhooks. What is remembered may be over. */
  async #isKept(endpoint: string): Promise<boolean> {
    if ((await this.#store.recentHealth(endpoint)).value.state !== 'disabled') return false;
    return (await this.#store.health(endpoint)).value.state === 'disabled';
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
    const wanting = others.filter((endpoint) => wantsEvent(endpoint, event));
    await this.#add(
      wanting.map(({ id: endpoint }) => {
        const id = `${event.replace('.', '-')}-${endpointId}-${atMs}-${endpoint}`;
        return {
          request: { ...requestFor(id, { endpoint, payload }, timestamp), priority: JobPriority.HIGH },
        };
      }),
    );
  }

  /** One that cannot be added keeps no other from it. @throws what has kept the first of them from it */
  async #add(webhooks: readonly EndpointWebhook[]): Promise<void> {
    const add = async ({ request, turn }: EndpointWebhook) => {
      if (turn) await this.#turns.take(turn);
      await addFollowUp(this.#store.broker, request);
    };
    const added = await Promise.allSettled(webhooks.map((webhook) => this.#adding.run(() => add(webhook))));
    for (const each of added) if (each.status === 'rejected') throw each.reason;
  }
}

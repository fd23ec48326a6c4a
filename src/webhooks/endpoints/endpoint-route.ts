import type { BreakerPolicy, Parked } from '../../../machines/index.js';
import { Alerts } from '../../telemetry/alerts.js';
import type { WorkerHost } from '../../worker/extension.js';
import type { JobContext } from '../../worker/job-handler.js';
import type { Delivery, SendWebhookPayload } from '../schemas.js';
import type { WebhookClient } from '../webhook-client.js';
import { EndpointDelivery } from './endpoint-delivery.js';
import { EndpointHealth } from './endpoint-health.js';
import type { EndpointKeys } from './endpoint-keys.js';
import { EndpointLine } from './endpoint-line.js';
import { EndpointStore } from './endpoint-store.js';
import { FanOut } from './fan-out.js';
import { Turns } from './turns.js';

interface RouteOptions {
  client: WebhookClient;
  keys: EndpointKeys;
  policy: BreakerPolicy;
}

interface Opened {
  delivery: EndpointDelivery;
  fanOut: FanOut;
}

/** What a worker does for registered endpoints: it passes the ends of jobs on to them, and delivers their webhooks. */
export class EndpointRoute {
  readonly #host: WorkerHost;
  readonly #options: RouteOptions;
  #opened: Promise<Opened> | undefined;

  constructor(host: WorkerHost, options: RouteOptions) {
    this.#host = host;
    this.#options = options;
  }

  async start(): Promise<void> {
    await (await this.#open()).fanOut.start();
  }

  async deliver(job: JobContext, payload: SendWebhookPayload): Promise<Delivery | Parked> {
    return (await this.#open()).delivery.deliver(job, payload);
  }

  async close(withinMs: number): Promise<void> {
    await (await this.#opened)?.fanOut.close(withinMs);
  }

  #open(): Promise<Opened> {
    this.#opened ??= this.#make().catch((error) => {
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  async #make(): Promise<Opened> {
    const { userCode, logger, namespace } = this.#host;
    const { client, keys, policy } = this.#options;
    const broker = await this.#host.broker();
    const line = new EndpointLine(await this.#host.limiter());
    const store = new EndpointStore(broker);
    const turns = new Turns(store);
    const fanOut = new FanOut(store, turns, userCode, logger);
    const health = new EndpointHealth({
      store,
      line,
      policy,
      alerts: new Alerts(logger),
      logger,
      tell: (...news) => fanOut.tell(...news),
    });
    const source = namespace === '' ? '/jetfleet' : `/jetfleet/${namespace}`;
    return { delivery: new EndpointDelivery({ client, store, health, turns, keys, source, logger }), fanOut };
  }
}

import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { listWorkers } from '../inspect/fleet.js';
import { builtInCharts } from '../inspect/known-charts.js';
import { listProviders, type ShownProvider } from '../instances/provider-health.js';
import { UNITS_PER_USD } from '../jobs/amount.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal, STATUSES } from '../jobs/vocabulary.js';
import type { Ledger } from '../money/ledger.js';
import type { LedgerSums } from '../money/sums.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { Times } from '../queue/stats/job-times.js';
import { BoundedLabels } from '../telemetry/bounded-labels.js';
import type { Logger } from '../telemetry/logger.js';
import type { ShownEndpoint, WebhookEndpoints } from '../webhooks/endpoints/webhook-endpoints.js';

const WAIT_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1_800, 7_200];
const PROVIDER_STATES = ['closed', 'open', 'halfOpen'] as const;
const BREAKER_STATES = ['closed', 'open', 'halfOpen', 'disabled'] as const;
const RUN_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 7_200];
const WORKER_STATES = new Set(
  builtInCharts()
    .find(({ id }) => id === 'worker_lifecycle')
    ?.states.map(({ id }) => id),
);

/** What Prometheus is told. No label holds an id or an address, so that their number stays small. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #types = new BoundedLabels();
  readonly #queue: JobQueueService;
  readonly #logger: Logger;
  readonly #gauges = {
    connected: this.#gauge('jetfleet_broker_connected', 'Whether the broker answers'),
    jobs: this.#gauge('jetfleet_jobs', 'Jobs, by type and status', 'type', 'status'),
    oldest: this.#gauge('jetfleet_oldest_pending_age_seconds', 'Age of the oldest queued job'),
    pending: this.#gauge(
      'jetfleet_consumer_pending',
      'Messages that a consumer has not handed out yet',
      'consumer',
    ),
    ackPending: this.#gauge('jetfleet_consumer_ack_pending', 'Messages that workers hold', 'consumer'),
    paused: this.#gauge('jetfleet_consumer_paused', 'Whether the jobs of a consumer are paused', 'consumer'),
    endpoints: this.#gauge('jetfleet_webhook_endpoints', 'Endpoints of webhooks, by state', 'state'),
    kept: this.#gauge(
      'jetfleet_webhooks_kept',
      'Webhooks that wait for their turn, or for their endpoint to be enabled',
    ),
    providers: this.#gauge(
      'jetfleet_providers',
      'Providers of instances and their regions that have failed, by state',
      'state',
    ),
    instances: this.#gauge(
      'jetfleet_instances',
      'Instances in the ledger that have not ended, by provider, account and state',
      ...['provider', 'account', 'state'],
    ),
    instanceRate: this.#gauge(
      'jetfleet_instance_cost_usd_per_hour',
      'What the instances that run now cost in an hour',
      ...['provider', 'account'],
    ),
    instanceCost: this.#gauge(
      'jetfleet_instance_cost_usd',
      'What instances have cost since the beginning of the month, UTC',
      ...['provider', 'account'],
    ),
    instancesUnpriced: this.#gauge(
      'jetfleet_instances_unpriced',
      'Instances of this month whose price is not known for a part of their time',
    ),
    workers: this.#gauge('jetfleet_workers', 'Workers that answer, by state', 'state'),
    abandoned: this.#gauge(
      'jetfleet_abandoned_handlers',
      'Handlers that kept running after their signal and lost their slot, since their workers started',
    ),
    callbacks: this.#gauge(
      'jetfleet_callback_failures',
      'Failures of callbacks and loggers of this process, by callback',
      'callback',
    ),
  };
  readonly #finished = new Counter({
    name: 'jetfleet_jobs_finished_total',
    help: 'Jobs that ended while this server collected metrics',
    labelNames: ['type', 'state'],
    registers: [this.#registry],
  });
  readonly #wait = new Histogram({
    name: 'jetfleet_job_wait_seconds',
    help: 'From when a job could start to when it did',
    labelNames: ['type'],
    buckets: WAIT_SECONDS,
    registers: [this.#registry],
  });
  readonly #run = new Histogram({
    name: 'jetfleet_job_run_seconds',
    help: 'From the first start of a job to its end',
    labelNames: ['type', 'status'],
    buckets: RUN_SECONDS,
    registers: [this.#registry],
  });

  readonly #endpoints: WebhookEndpoints | undefined;
  readonly #ledger: Ledger | undefined;
  #scrape: Promise<string> | undefined;

  constructor(queue: JobQueueService, logger: Logger, endpoints?: WebhookEndpoints, ledger?: Ledger) {
    this.#queue = queue;
    this.#endpoints = endpoints;
    this.#ledger = ledger;
    this.#logger = logger;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  observe({ type: named, status, state }: JobRecord, { waitMs, runMs }: Times): void {
    const type = this.#types.of(named);
    if (isTerminal(status)) this.#finished.inc({ type, state });
    if (waitMs !== undefined) this.#wait.observe({ type }, waitMs / 1_000);
    if (runMs !== undefined) this.#run.observe({ type, status }, runMs / 1_000);
  }

  /** The text format. While the broker is away, what only it knows is left out. Scrapes at the same time share one reading. */
  text(): Promise<string> {
    this.#scrape ??= this.#collect().finally(() => {
      this.#scrape = undefined;
    });
    return this.#scrape;
  }

  async #collect(): Promise<string> {
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    for (const [callback, count] of Object.entries(this.#queue.callbackFailures))
      this.#gauges.callbacks.set({ callback }, count);
    const isThere = this.#queue.isConnected !== false && (await this.#read());
    this.#gauges.connected.set(isThere ? 1 : 0);
    return this.#registry.metrics();
  }

  async #read(): Promise<boolean> {
    const gauges = this.#gauges;
    try {
      const [{ stats, oldestPendingAt: oldest }, health, workers, endpoints, providers, spent] =
        await Promise.all([
          this.#queue.getCounts(),
          this.#queue.health(),
          listWorkers(this.#queue),
          this.#readEndpoints(),
          this.#readProviders(),
          this.#readSpent(),
        ]);
      if (endpoints) {
        gauges.kept.set(endpoints.reduce((sum, endpoint) => sum + endpoint.kept.count, 0));
        for (const state of BREAKER_STATES) gauges.endpoints.set({ state }, 0);
        for (const { state } of endpoints) gauges.endpoints.inc({ state });
      }
      if (providers) {
        for (const state of PROVIDER_STATES) gauges.providers.set({ state }, 0);
        for (const { state } of providers) gauges.providers.inc({ state });
      }
      if (spent) this.#showSpent(spent);
      for (const [type, counts] of Object.entries(stats.byType)) {
        for (const status of STATUSES) gauges.jobs.set({ type, status }, counts[status]);
      }
      gauges.oldest.set(oldest ? Math.max(0, this.#queue.now() - Date.parse(oldest)) / 1_000 : 0);
      for (const { name, pending, ackPending, paused } of health.consumers) {
        gauges.paused.set({ consumer: name }, paused ? 1 : 0);
        gauges.pending.set({ consumer: name }, pending);
        gauges.ackPending.set({ consumer: name }, ackPending);
      }
      for (const { state, abandonedCount } of workers) {
        gauges.workers.inc({ state: WORKER_STATES.has(state) ? state : 'other' });
        gauges.abandoned.inc(abandonedCount);
      }
      return true;
    } catch (err) {
      this.#logger.warn({ err }, 'cannot read the metrics of the broker');
      return false;
    }
  }

  /** Undefined where they cannot be read, which hides nothing of the queue. */
  async #readEndpoints(): Promise<Pick<ShownEndpoint, 'state' | 'kept'>[] | undefined> {
    try {
      return (await this.#endpoints?.list()) ?? [];
    } catch (err) {
      this.#logger.warn({ err }, 'cannot read the metrics of the endpoints of webhooks');
      return undefined;
    }
  }

  async #readProviders(): Promise<Pick<ShownProvider, 'state'>[] | undefined> {
    try {
      return await listProviders(await this.#queue.broker());
    } catch (err) {
      this.#logger.warn({ err }, 'cannot read the metrics of the providers');
      return undefined;
    }
  }

  async #readSpent(): Promise<LedgerSums | undefined> {
    try {
      return await this.#ledger?.spent();
    } catch (err) {
      this.#logger.warn({ err }, 'cannot read the metrics of the ledger');
      return undefined;
    }
  }

  #showSpent({ byAccount, unpriced }: LedgerSums): void {
    const { instances, instanceRate, instanceCost, instancesUnpriced } = this.#gauges;
    for (const { provider, account, amount, ratePerHour, running, stopped } of byAccount) {
      const of = { provider, account };
      instanceCost.set(of, amount / UNITS_PER_USD);
      instanceRate.set(of, ratePerHour / UNITS_PER_USD);
      instances.set({ ...of, state: 'running' }, running);
      instances.set({ ...of, state: 'stopped' }, stopped);
    }
    instancesUnpriced.set(unpriced);
  }

  #gauge(name: string, help: string, ...labelNames: string[]): Gauge {
    return new Gauge({ name, help, labelNames, registers: [this.#registry] });
  }
}

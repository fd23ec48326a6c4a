import { hostname } from 'node:os';
import type { Actor } from 'xstate';
import type { WorkerLifecycleState, workerLifecycleMachine } from '../../machines/index.js';
import type { Broker } from '../broker/broker.js';
import { MAX_SHORT_NOTICE_BYTES, type NoticeBody } from '../broker/connection/notices.js';
import { DEFAULT_DRAIN_MS, MAX_DRAIN_MS } from '../inspect/fleet.js';
import { Inspector } from '../inspect/inspector.js';
import { chartsAnswer } from '../inspect/worker-charts.js';
import type { Logger } from '../telemetry/logger.js';
import { packageVersion } from '../telemetry/version.js';
import type { WorkerInfo } from '../wire/inspection.js';
import type { Lanes } from './lane/lanes.js';
import type { LingeringHandlers } from './lease/lingering-handlers.js';
import type { HeldJob } from './worker-services.js';

export interface PresenceOptions {
  broker: Broker;
  worker: string;
  lifecycle: Actor<typeof workerLifecycleMachine>;
  lanes: Lanes;
  runs: ReadonlyMap<string, HeldJob>;
  lingering: LingeringHandlers;
  obey?: (drain: boolean) => Promise<void>;
  logger: Logger;
}

const MAX_SHOWN = 100;
/** A chart takes a worker milliseconds to make. */
const MAX_CHART_ANSWERS_PER_SECOND = 10;

/** Makes a worker known to those who ask who is there, watch its jobs, or order it to drain. */
export class Presence {
  readonly inspector: Inspector;
  readonly #options: PresenceOptions;
  readonly #startedAt: string;
  /** When a worker that was ordered to drain takes jobs again. */
  #drainEnd: NodeJS.Timeout | undefined;
  readonly #detach: (() => void)[];

  constructor(options: PresenceOptions) {
    this.#options = options;
    const { worker, obey, broker, lanes } = options;
    const { notices, subjects } = broker;
    this.#startedAt = new Date(broker.clock.now()).toISOString();
    this.inspector = new Inspector(broker, worker, (jobId) => this.#onWatched(jobId));
    this.inspector.open();
    const charts = () =>
      [...lanes.handlers.values()].flatMap(({ run }) => (run.kind === 'chart' ? [run.logic] : []));
    this.#detach = [
      notices.answer(subjects.notices.workersAsked(), () => this.#info()),
      notices.answer(
        subjects.notices.chartsAsked(),
        ({ machine }) => chartsAnswer(charts(), typeof machine === 'string' ? machine : undefined),
        MAX_CHART_ANSWERS_PER_SECOND,
      ),
    ];
    if (!obey) return;
    const onOrder = ({ worker: name, drain, forMs }: NoticeBody) => {
      if (name === worker && typeof drain === 'boolean') this.#onDrain(drain, drainTime(forMs));
    };
    this.#detach.push(notices.hear(subjects.notices.drainOrdered(), onOrder, MAX_SHORT_NOTICE_BYTES));
  }

  close(): void {
    clearTimeout(this.#drainEnd);
    for (const detach of this.#detach) detach();
    this.inspector.close();
  }

  get #state(): WorkerLifecycleState {
    return this.#options.lifecycle.getSnapshot().value;
  }

  #onWatched(jobId: string | undefined): void {
    const { runs, lifecycle } = this.#options;
    if (jobId !== undefined) {
      runs.get(jobId)?.watched('one');
      return;
    }
    this.inspector.showStanding(lifecycle);
    for (const run of runs.values()) run.watched('all');
  }

  #onDrain(drain: boolean, forMs?: number): void {
    const { obey, logger } = this.#options;
    // It would make a start fail that is under way.
    const isObeyed = drain ? ['running', 'disconnected', 'paused'] : ['paused'];
    if (!isObeyed.includes(this.#state)) return;
    clearTimeout(this.#drainEnd);
    if (drain) {
      logger.warn({ forMs }, 'ordered to take no more jobs');
      this.#drainEnd = setTimeout(() => this.#onDrain(false), forMs).unref();
    }
    obey?.(drain).catch((err) => logger.error({ err }, 'cannot obey the order to drain'));
  }

  #info(): WorkerInfo {
    const { broker, worker, lanes, runs, lingering } = this.#options;
    const shown = [...runs.values()].slice(0, MAX_SHOWN).map(({ context: { record } }) => ({
      id: record.id,
      type: record.type,
      priority: record.priority,
      attempt: record.attempt,
      startedAt: record.updatedAt,
    }));
    return {
      name: worker,
      state: this.#state,
      startedAt: this.#startedAt,
      host: hostname(),
      pid: process.pid,
      version: packageVersion(),
      lanes: lanes.loads,
      running: shown,
      runningCount: runs.size,
      abandoned: lingering.abandoned.slice(0, MAX_SHOWN),
      abandonedCount: lingering.abandonedCount,
      stalled: broker.stalled.map((kind) => broker.subjects.streamName(kind)),
    };
  }
}

/** Nobody can verify who gave an order, so none holds for ever. */
function drainTime(forMs: unknown): number {
  return typeof forMs === 'number' && forMs > 0 ? Math.min(forMs, MAX_DRAIN_MS) : DEFAULT_DRAIN_MS;
}

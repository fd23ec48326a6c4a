import { hostname } from 'node:os';
import type { Broker } from '../broker/broker.js';
import { MAX_SHORT_NOTICE_BYTES, type NoticeBody } from '../broker/connection/notices.js';
import { DEFAULT_DRAIN_MS, MAX_DRAIN_MS } from '../inspect/fleet.js';
import { chartsAnswer } from '../inspect/worker-charts.js';
import { isoTime } from '../jobs/iso-time.js';
import { packageVersion } from '../telemetry/version.js';
import type { WorkerInfo } from '../wire/inspection.js';
import type { LingeringHandlers } from './lease/lingering-handlers.js';
import type { HeldJob } from './run/run-services.js';

/** What a worker tells those who ask, and who may give it orders. */
export interface PresenceOptions {
  broker: Broker;
  worker: string;
  state: () => string;
  lanes: () => WorkerInfo['lanes'];
  runs: ReadonlyMap<string, HeldJob>;
  lingering: LingeringHandlers;
  /** What the handlers run: state machines, and other logic that has no chart. */
  logics: () => readonly unknown[];
  /** Told to take no more jobs for so long, or to take them again. Absent where no orders are obeyed. */
  onDrain: ((drain: boolean, forMs: number) => void) | undefined;
}

const MAX_SHOWN = 100;
/** A chart takes a worker milliseconds to make. */
const MAX_CHART_ANSWERS_PER_SECOND = 10;

/** Makes a worker known to those who ask who is there. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #startedAt: string;
  #detach: (() => void)[] = [];

  constructor(options: PresenceOptions) {
    this.#options = options;
    this.#startedAt = isoTime(options.broker.clock.now());
  }

  open(): void {
    if (this.#detach.length > 0) return;
    const { worker, logics, onDrain } = this.#options;
    const { notices, subjects } = this.#options.broker;
    this.#detach = [
      notices.answer(subjects.workersAsked(), () => this.#info()),
      notices.answer(
        subjects.chartsAsked(),
        ({ machine }) => chartsAnswer(logics(), typeof machine === 'string' ? machine : undefined),
        MAX_CHART_ANSWERS_PER_SECOND,
      ),
    ];
    if (!onDrain) return;
    const onOrder = ({ worker: name, drain, forMs }: NoticeBody) => {
      if (name === worker && typeof drain === 'boolean') onDrain(drain, drainTime(forMs));
    };
    this.#detach.push(notices.hear(subjects.drainOrdered(), onOrder, MAX_SHORT_NOTICE_BYTES));
  }

  close(): void {
    for (const detach of this.#detach) detach();
    this.#detach = [];
  }

  #info(): WorkerInfo {
    const { broker, worker, state, lanes, runs, lingering } = this.#options;
    const shown = [...runs.values()].slice(0, MAX_SHOWN).map(({ context: { record } }) => ({
      id: record.id,
      type: record.type,
      attempt: record.attempt,
      startedAt: record.updatedAt,
    }));
    return {
      name: worker,
      state: state(),
      startedAt: this.#startedAt,
      host: hostname(),
      pid: process.pid,
      version: packageVersion(),
      lanes: lanes(),
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

/**
 * Takes the jobs of `run_flow` from the first flow of a namespace on. A worker asks once whether there have been flows, and else hears
 * of the first one: by a plain subscription on its subject, or by what `addFlow` says. Nothing is open before that.
 */
import type { Broker } from '../../broker/broker.js';
import type { JobDefinition } from '../../jobs/define-job.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { PRIORITIES } from '../../jobs/vocabulary.js';
import { type FlowPayload, runFlowJob } from '../../queue/flows/flow-job.js';
import type { Logger } from '../../telemetry/logger.js';
import { flowsUsed } from '../../wire/signal-subjects.js';
import { ANY } from '../../wire/subjects.js';
import {
  definedHandler,
  handled,
  type JobContext,
  type JobHandler,
  type RegisteredHandler,
} from '../job-handler.js';
import type { HandlerContext } from '../run/handler-context.js';

/** How a worker runs flows. */
export function flowHandler(known: KnownJobs): RegisteredHandler {
  const run = (job: JobContext<FlowPayload>) => (job as unknown as HandlerContext).flow(job.payload.jobs);
  return definedHandler(handled(runFlowJob as JobDefinition, run as JobHandler), known, {});
}

export class FlowLane {
  readonly #broker: Broker;
  readonly #open: () => void;
  readonly #logger: Logger;
  readonly #detach: (() => void)[] = [];
  #isOpen = false;

  /** @param open has the worker handle flows */
  constructor(broker: Broker, open: () => void, logger: Logger) {
    this.#broker = broker;
    this.#open = open;
    this.#logger = logger;
  }

  async start(): Promise<void> {
    const { notices, subjects } = this.#broker;
    if (this.#detach.length === 0) {
      const { type } = runFlowJob;
      const published = `${subjects.prefix}jobs.*.${type}`;
      for (const subject of [published, `${published}.*`, flowsUsed(subjects)])
        this.#detach.push(notices.hear(subject, () => this.#begin()));
    }
    await this.look();
  }

  /** At the start, and after a reconnect, when a first flow may have been missed. */
  async look(): Promise<void> {
    if (this.#isOpen) return;
    try {
      if (await this.#areUsed()) this.#begin();
    } catch (err) {
      this.#logger.warn({ err }, 'cannot see whether there are flows; the first one that comes will tell');
    }
  }

  async #areUsed(): Promise<boolean> {
    const { read, subjects, topology } = this.#broker;
    const { type } = runFlowJob;
    if (await topology.consumer('jobs', subjects.consumerName(type, PRIORITIES[0] ?? 'normal'))) return true;
    return (await read.count(subjects.streamName('jobs'), subjects.workFilter('jobs', ANY, type))) > 0;
  }

  #begin(): void {
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#open();
  }

  stop(): void {
    this.#isOpen = true;
    for (const detach of this.#detach.splice(0)) detach();
  }
}

/**
 * Takes the jobs of `run_flow` from the first flow of a namespace on. A worker asks once whether there have been flows. Where there have
 * not, the server itself tells of the first one, whether it was published or comes from a timer: a consumer of JOBS (`run_flow-told`)
 * delivers its headers to `jetfleet.flows`. Nobody asks for it again, and the server removes it when nobody listens any more.
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
  #unhear: (() => void) | undefined;
  /** Opened, or of a worker that has stopped. */
  #isOver = false;

  /** @param open has the worker handle flows */
  constructor(broker: Broker, open: () => void, logger: Logger) {
    this.#broker = broker;
    this.#open = open;
    this.#logger = logger;
  }

  /** At the start, and after a reconnect, when a first flow may have been missed. */
  async look(): Promise<void> {
    try {
      if (this.#isOver || (await this.#areUsed())) return this.#begin();
      await this.#listen();
      // One may have come meanwhile.
      if (await this.#areUsed()) this.#begin();
    } catch (err) {
      this.#logger.warn({ err }, 'cannot see whether there are flows; it is looked again after a reconnect');
    }
  }

  async #areUsed(): Promise<boolean> {
    const { read, subjects, topology } = this.#broker;
    const { type } = runFlowJob;
    if (await topology.consumer('jobs', subjects.consumerName(type, PRIORITIES[0] ?? 'normal'))) return true;
    return (await read.count(subjects.streamName('jobs'), subjects.workFilter('jobs', ANY, type))) > 0;
  }

  async #listen(): Promise<void> {
    if (this.#isOver) return;
    const { notices, subjects, topology } = this.#broker;
    const told = flowsUsed(subjects);
    this.#unhear ??= notices.hear(told, () => this.#begin());
    await topology.tellOfJobs(runFlowJob.type, told);
  }

  #begin(): void {
    if (this.#isOver) return;
    this.stop();
    this.#open();
  }

  stop(): void {
    this.#isOver = true;
    this.#unhear?.();
    this.#unhear = undefined;
  }
}

import type { AnyStateMachine } from 'xstate';
import * as machines from '../../machines/index.js';
import { BrokerError, JetfleetError } from '../jobs/errors.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { ChartsQuestion } from '../wire/notice-messages.js';
import { readCharts } from './answers.js';
import { type Chart, chartKey, chartOf } from './chart.js';

const GATHER_MS = 2_000;
/** Charts of workers that are kept of one question, however many answer. */
const MAX_CHARTS = 500;

/** The machines that come with Jetfleet, by id. */
export const BUILT_IN_CHARTS: ReadonlyMap<string, AnyStateMachine> = new Map(
  [
    machines.jobMachine,
    machines.createInstanceMachine,
    machines.monitorInstanceMachine,
    machines.deleteInstanceMachine,
    machines.startInstanceMachine,
    machines.stopInstanceMachine,
    machines.restartInstanceMachine,
    machines.migrateInstanceMachine,
    machines.checkInstanceMachine,
    machines.watchInstanceMachine,
    machines.autoStopMachine,
    machines.extendLeaseMachine,
    machines.keepLeaseMachine,
    machines.sendWebhookMachine,
    machines.endpointBreakerMachine,
    machines.providerBreakerMachine,
    machines.workerLifecycleMachine,
  ].map((machine: AnyStateMachine) => [machine.id, machine]),
);

/** A chart, and where it is from: the package, or a worker that answered. */
export type KnownChart = Chart & { source: 'built-in' | 'worker' };

/** The charts that come with Jetfleet; no broker is asked. */
export function builtInCharts(): KnownChart[] {
  return [...BUILT_IN_CHARTS.values()].map((machine) => ({ ...chartOf(machine), source: 'built-in' }));
}

/**
 * The charts that come with Jetfleet, and those of the machines that live workers run, each id and version once.
 * @param id only the charts of this id
 */
export async function listCharts(queue: JobQueueService, id?: string): Promise<KnownChart[]> {
  const { notices, subjects } = await queue.brokerAsItIs();
  const about: ChartsQuestion = id === undefined ? {} : { machine: id };
  const answers = await notices.ask(subjects.notices.chartsAsked(), about, GATHER_MS);
  const known = new Map(builtInCharts().map((chart) => [chartKey(chart), chart]));
  for (const { charts } of answers) {
    for (const chart of readCharts(charts)) {
      if (known.size >= MAX_CHARTS) break;
      if (!known.has(chartKey(chart))) known.set(chartKey(chart), { ...chart, source: 'worker' });
    }
  }
  return [...known.values()].filter((chart) => id === undefined || chart.id === id);
}

/**
 * One chart by its id, the package's own before those of workers.
 * @throws JetfleetError `JETFLEET_MACHINE_NOT_FOUND` when neither the package nor a live worker has it; BrokerError
 *   `JETFLEET_BROKER_UNREACHABLE` when workers cannot be asked
 */
export async function findChart(queue: JobQueueService, id: string): Promise<KnownChart> {
  const builtIn = builtInCharts().find((chart) => chart.id === id);
  const chart = builtIn ?? (await listCharts(queue, id))[0];
  if (chart) return chart;
  if (queue.isConnected === false) {
    const why = `the broker is away, so that no worker can be asked for the machine ${JSON.stringify(id)}; try again`;
    throw new BrokerError('JETFLEET_BROKER_UNREACHABLE', why, { retryable: true });
  }
  const known = [...BUILT_IN_CHARTS.keys()].join(', ');
  throw new JetfleetError(
    'JETFLEET_MACHINE_NOT_FOUND',
    `no machine ${JSON.stringify(id)}: it is none of ${known}, and no live worker runs it`,
  );
}

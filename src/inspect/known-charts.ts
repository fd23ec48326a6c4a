import { JetfleetError } from '../jobs/errors.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { BUILT_IN_CHARTS } from './built-in-charts.js';
import { type Chart, chartOf } from './chart.js';

const GATHER_MS = 2_000;
/** What is larger can be seen by nobody, and takes long to lay out. */
const MAX_STATES = 200;
const MAX_EDGES = 600;

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
  const { notices, subjects } = await queue.broker();
  const about = id === undefined ? {} : { machine: id };
  const answers = await notices.ask(subjects.chartsAsked(), about, GATHER_MS);
  const known = new Map(builtInCharts().map((chart) => [keyOf(chart), chart]));
  for (const chart of answers.flatMap(({ charts }) => (Array.isArray(charts) ? charts : []))) {
    if (isChart(chart) && !known.has(keyOf(chart))) known.set(keyOf(chart), { ...chart, source: 'worker' });
  }
  return [...known.values()].filter((chart) => id === undefined || chart.id === id);
}

/**
 * One chart by its id, the package's own before those of workers.
 * @throws JetfleetError `JETFLEET_MACHINE_NOT_FOUND` when neither the package nor a live worker has it
 */
export async function findChart(queue: JobQueueService, id: string): Promise<KnownChart> {
  const builtIn = builtInCharts().find((chart) => chart.id === id);
  const chart = builtIn ?? (await listCharts(queue, id))[0];
  if (chart) return chart;
  const known = [...BUILT_IN_CHARTS.keys()].join(', ');
  throw new JetfleetError(
    'JETFLEET_MACHINE_NOT_FOUND',
    `no machine ${JSON.stringify(id)}: it is none of ${known}, and no live worker runs it`,
  );
}

function keyOf({ id, version }: Chart): string {
  return JSON.stringify([id, version]);
}

/** Whether an answer can be drawn, and in reasonable time: anybody on the broker can answer. */
function isChart(value: unknown): value is Chart {
  const { id, version, description, states, edges } = Object(value) as Partial<Record<keyof Chart, unknown>>;
  if (!areTexts([id, version, description])) return false;
  if (!areAll(states, MAX_STATES, isState) || !areAll(edges, MAX_EDGES, isEdge)) return false;
  return isConnected(value as Chart);
}

/** Every parent comes before its children, and every edge joins states that there are. */
function isConnected({ states, edges }: Chart): boolean {
  const ids = new Set(['']);
  for (const { id, key, parent } of states) {
    const isInPlace = parent === undefined ? id === key : ids.has(parent) && id === `${parent}.${key}`;
    if (!isInPlace || ids.has(id)) return false;
    ids.add(id);
  }
  return edges.every(({ from, to }) => ids.has(from) && ids.has(to));
}

function isState(value: Record<string, unknown>): boolean {
  const { id, key, kind, description, invokes, entry = [], exit = [], parent = '' } = value;
  return areTexts([id, key, kind, description, parent]) && [invokes, entry, exit].every(isTextList);
}

function isEdge(value: Record<string, unknown>): boolean {
  const { id, from, to, event, label, guard = '', actions } = value;
  return areTexts([id, from, to, event, label, guard]) && isTextList(actions);
}

function areTexts(values: readonly unknown[]): boolean {
  return values.every((value) => typeof value === 'string');
}

function isTextList(value: unknown): boolean {
  return Array.isArray(value) && areTexts(value);
}

function areAll(value: unknown, max: number, isOne: (item: Record<string, unknown>) => boolean): boolean {
  if (!Array.isArray(value) || value.length > max) return false;
  return value.every((item) => isOne(Object(item) as Record<string, unknown>));
}

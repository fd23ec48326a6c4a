import { isTerminal } from '../../../src/jobs/vocabulary.js';
import type { Chart, TakenEdge } from '../api/answers.js';
import { edgeBetween, withParents } from '../charts/chart-source.js';
import type { Stage } from './stages.js';
import type { ToldStep } from './steps.js';

/** What a chart shows: where a machine stands, and how it came there. */
export interface Lit {
  /** The innermost states that are active. */
  states: readonly string[];
  /** The arrows that led to them: one for each region of a parallel state. */
  edges: readonly string[];
  /** Every arrow that was taken until then. */
  path: readonly string[];
}

const DARK: Lit = { states: [], edges: [], path: [] };

/** The arrows of a chart that a step took. */
export function edgesTaken(chart: Chart, taken: readonly TakenEdge[]): string[] {
  return taken.flatMap(({ from, to, event, guard }) => {
    const fits = chart.edges.filter((edge) => edge.from === from && edge.to === to && edge.event === event);
    const exact = fits.find((edge) => edge.guard === guard) ?? fits[0];
    return exact ? [exact.id] : [];
  });
}

/** What the steps say of one machine, in its last run, from the last of them that does. */
export function litBySteps(chart: Chart, steps: readonly ToldStep[]): (Lit & { at: string }) | undefined {
  const own = steps.filter(({ machine }) => machine === chart.id);
  const run = own.slice(
    Math.max(
      0,
      own.findLastIndex(({ kind }) => kind === 'actor'),
    ),
  );
  const last = run.findLast(({ active }) => active !== undefined);
  if (!last?.active) return undefined;
  const moves = run.map(({ edges = [] }) => edgesTaken(chart, edges)).filter((taken) => taken.length > 0);
  const path = [...new Set(moves.flat())];
  // It was stopped from outside: it stands nowhere any more.
  if (last.status === 'stopped') return { ...DARK, path, at: last.at };
  return { states: last.active, edges: leadingTo(chart, last.active, moves), path, at: last.at };
}

/** The arrows of the last step, and of each active state the one that led there, which may be longer ago in another region. */
function leadingTo(chart: Chart, active: readonly string[], moves: readonly string[][]): string[] {
  const targets = new Map(chart.edges.map(({ id, to }) => [id, to]));
  const led = active.flatMap((state) => {
    const around = withParents(state);
    const leads = (id: string) => around.includes(targets.get(id) ?? '');
    return moves.findLast((taken) => taken.some(leads))?.filter(leads) ?? [];
  });
  return [...new Set([...(moves.at(-1) ?? []), ...led])];
}

/** The same of a machine that a job runs: once the job is over, one that was not heard of the end of stands nowhere either. */
export function litWithin(chart: Chart, steps: readonly ToldStep[], stage: Stage | undefined): Lit {
  const lit = litBySteps(chart, steps);
  if (!lit) return DARK;
  const isOver = stage?.path === 'completed' || stage?.path.startsWith('failed');
  const last = steps.findLast(({ machine, active }) => machine === chart.id && active !== undefined);
  return isOver && last?.status === 'active' ? { ...DARK, path: lit.path } : lit;
}

/** What a recorded stage says of the chart of a job. */
export function litByStage(chart: Chart, stages: readonly Stage[], index: number): Lit {
  const stage = stages[index];
  if (!stage) return DARK;
  const path = stages.slice(0, index + 1).map((to, at) => {
    const from = stages[at - 1];
    return from && edgeBetween(chart, from.path, to.path)?.id;
  });
  const known = path.filter((id) => id !== undefined);
  const last = path.at(-1);
  return { states: [stage.path], edges: last === undefined ? [] : [last], path: known };
}

/** Steps are told at once and records a moment later; after this long a record is news, not an echo. */
const ECHO_MS = 2_000;

/** Where a job stands now: what its machine said last, or its last record where that is newer. */
export function litNow(chart: Chart, stages: readonly Stage[], steps: readonly ToldStep[]): Lit {
  const recorded = litByStage(chart, stages, stages.length - 1);
  const told = litBySteps(chart, steps);
  const last = stages.at(-1);
  if (!told) return recorded;
  if (!last) return told;
  // Who opens the page later has missed the first steps, and the records have missed the small ones.
  const whole = { ...told, path: [...new Set([...recorded.path, ...told.path])] };
  if (told.states.length === 0) return recorded;
  if (told.states.includes(last.path)) return told.edges.length > 0 ? whole : recorded;
  const aheadMs = Date.parse(told.at) - Date.parse(last.record.updatedAt);
  const isFinal = isTerminal(last.record.status);
  return aheadMs >= 0 && (!isFinal || aheadMs > ECHO_MS) ? whole : recorded;
}

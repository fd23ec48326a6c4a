import type { Chart, InspectionRecord, TakenEdge } from '../api/answers.js';
import { edgeBetween } from '../charts/chart-source.js';
import type { Stage } from './stages.js';

/** What a chart shows: where a machine stands, and how it came there. */
export interface Lit {
  states: readonly string[];
  edges: readonly string[];
}

const DARK: Lit = { states: [], edges: [] };

/** The arrows of a chart that a step took. */
export function edgesTaken(chart: Chart, taken: readonly TakenEdge[]): string[] {
  return taken.flatMap(({ from, to, event, guard }) => {
    const fits = chart.edges.filter((edge) => edge.from === from && edge.to === to && edge.event === event);
    const exact = fits.find((edge) => edge.guard === guard) ?? fits[0];
    return exact ? [exact.id] : [];
  });
}

/** What the steps say of one machine, from the last of them that does. */
export function litBySteps(
  chart: Chart,
  steps: readonly InspectionRecord[],
): (Lit & { at: string }) | undefined {
  const last = steps.findLast(({ machine, active }) => machine === chart.id && active !== undefined);
  if (!last?.active) return undefined;
  const moved = steps.findLast(({ machine, edges = [] }) => machine === chart.id && edges.length > 0);
  return { states: last.active, edges: edgesTaken(chart, moved?.edges ?? []), at: last.at };
}

/** What a recorded stage says of the chart of a job. */
export function litByStage(chart: Chart, stages: readonly Stage[], index: number): Lit {
  const stage = stages[index];
  if (!stage) return DARK;
  const before = stages[index - 1];
  const edge = before && edgeBetween(chart, before.path, stage.path);
  return { states: [stage.path], edges: edge ? [edge.id] : [] };
}

/** Steps are told at once and records a moment later; after this long a record is news, not an echo. */
const ECHO_MS = 2_000;

/** Where a job stands now: what its machine said last, or its last record where that is newer. */
export function litNow(chart: Chart, stages: readonly Stage[], steps: readonly InspectionRecord[]): Lit {
  const recorded = litByStage(chart, stages, stages.length - 1);
  const told = litBySteps(chart, steps);
  const last = stages.at(-1);
  if (!told) return recorded;
  if (!last) return told;
  if (told.states.includes(last.path)) return told.edges.length > 0 ? told : recorded;
  const aheadMs = Date.parse(told.at) - Date.parse(last.record.updatedAt);
  const isFinal = last.record.status === 'completed' || last.record.status === 'failed';
  return aheadMs >= 0 && (!isFinal || aheadMs > ECHO_MS) ? told : recorded;
}

import type { AnyStateMachine } from 'xstate';
import { type Chart, chartKey, chartOf } from './chart.js';

/** An answer with charts stays below this, whatever the machines are: half of what every server takes. */
const MAX_ANSWER_BYTES = 256 * 1024;
const MAX_CHARTS = 100;

/** What a worker answers on `jetfleet.charts`. */
export interface ChartsAnswer {
  charts: Chart[];
  /** How many had no room, or could not be drawn. */
  left: number;
}

/**
 * The charts of machines, and of those that they invoke, as far as they fit into one message.
 * @param id only the machine of this id
 */
export function chartsAnswer(logics: readonly unknown[], id?: string): ChartsAnswer {
  const answer: ChartsAnswer = { charts: [], left: 0 };
  let bytes = 0;
  for (const machine of machinesIn(logics)) {
    if (id !== undefined && machine.id !== id) continue;
    const chart = drawn(machine);
    const size = chart ? Buffer.byteLength(JSON.stringify(chart)) : 0;
    if (!chart || bytes + size > MAX_ANSWER_BYTES || answer.charts.length === MAX_CHARTS) {
      answer.left++;
      continue;
    }
    bytes += size;
    answer.charts.push(chart);
  }
  return answer;
}

/** A user's machine may be of a later XState, or broken: then there is no drawing, and nothing else happens. */
function drawn(machine: AnyStateMachine): Chart | undefined {
  try {
    return chartOf(machine);
  } catch {
    return undefined;
  }
}

/** All machines among some logic and the actors that it is given, each id and version once. */
function machinesIn(logics: readonly unknown[]): AnyStateMachine[] {
  const found = new Map<string, AnyStateMachine>();
  const visit = (logic: unknown) => {
    if (!isMachine(logic)) return;
    const key = chartKey(logic);
    if (found.has(key)) return;
    found.set(key, logic);
    Object.values(logic.implementations.actors ?? {}).forEach(visit);
  };
  logics.forEach(visit);
  return [...found.values()];
}

export function isMachine(logic: unknown): logic is AnyStateMachine {
  return (
    typeof logic === 'object' &&
    logic !== null &&
    'root' in logic &&
    'id' in logic &&
    'implementations' in logic
  );
}

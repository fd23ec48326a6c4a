/**
 * The client of one unit: a process of its own, so that no unit inherits another's heap or compiled code. It is
 * sent an `Assignment` and answers with an `Answer`.
 */
import { MEASURE_OF } from './measures/measures.js';
import { SIZES } from './sizes.js';
import type { Answer, Assignment } from './unit.js';

async function carryOut({ unit, server, mode }: Assignment): Promise<Answer> {
  try {
    const figures = await MEASURE_OF[unit.measure]({ unit, server, sizes: SIZES[mode] });
    return { figures, node: process.versions.node };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

// The harness is gone, or wants no answer any more.
process.once('disconnect', () => process.exit());
process.once('message', (assignment: Assignment) => {
  void carryOut(assignment).then((answer) => process.send?.(answer, () => process.exit()));
});

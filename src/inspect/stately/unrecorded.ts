import type { InspectionRecord } from '../../wire/inspection.js';

type Step = Pick<
  InspectionRecord,
  'worker' | 'at' | 'actor' | 'kind' | 'event' | 'sentBy' | 'status' | 'active'
>;

/**
 * Which records of a watch are not among recorded steps: a worker sends a run that it holds from its start, also what is recorded of it.
 * The clocks of two workers differ, so that each is compared with its own steps alone.
 */
export function unrecorded(recorded: readonly Step[]): (record: Step) => boolean {
  const known = new Map<string, number>();
  const lastAt = new Map<string, string>();
  for (const step of recorded) {
    known.set(keyOf(step), (known.get(keyOf(step)) ?? 0) + 1);
    if (step.at > (lastAt.get(step.worker) ?? '')) lastAt.set(step.worker, step.at);
  }
  return (record) => {
    const key = keyOf(record);
    const left = known.get(key) ?? 0;
    if (left > 0) {
      known.set(key, left - 1);
      return false;
    }
    // Of a long run the middle is not recorded: it would come after what is.
    return record.at >= (lastAt.get(record.worker) ?? '');
  };
}

function keyOf({ worker, at, actor, kind, event, sentBy, status, active }: Step): string {
  return JSON.stringify([worker, at, actor, kind, event, sentBy, status, active]);
}

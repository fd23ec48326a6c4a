/** What jobs that wait must have been told. */
import { isDeepStrictEqual } from 'node:util';
import type { Evidence } from './evidence.js';
import type { Violation } from './invariants.js';

/** Every signal reached its job: once, in the order in which they were sent. */
export function signalViolations({ plan, histories }: Evidence): Violation[] {
  return plan.jobs.flatMap((job): Violation[] => {
    if (job.kind !== 'task' || job.steps[0]?.end !== 'wait') return [];
    // It may be cancelled where other trouble is mixed in.
    if (plan.cancels.some(({ id }) => id === job.id)) return [];
    const last = histories.get(job.id)?.at(-1);
    const sent = plan.signals.filter(({ id }) => id === job.id).map(({ number }) => number);
    if (last?.status !== 'completed') {
      const detail = `told ${JSON.stringify(sent)}, and is ${last?.state}: ${last?.error?.message ?? ''}`;
      return [{ kind: 'signal', about: job.id, detail }];
    }
    const { got } = last.result as { got: unknown[] };
    if (isDeepStrictEqual(got, sent)) return [];
    return [
      { kind: 'signal', about: job.id, detail: `told ${JSON.stringify(sent)}, got ${JSON.stringify(got)}` },
    ];
  });
}

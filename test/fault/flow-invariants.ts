/** What must hold of parents and their children. */
import { isTerminal } from '../../src/jobs/vocabulary.js';
import type { Evidence, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';

/** No parent completes before its children have ended, and each that waits for children completes. */
export function flowViolations({ plan, histories }: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [id, history] of histories) {
    const child = history.at(-1);
    if (child?.awaited === undefined) continue;
    const parent = endOf(histories.get(child.parentId ?? ''));
    const end = endOf(history);
    if (!end || parent?.status !== 'completed' || parent.storedAtMs >= end.storedAtMs) continue;
    found.push({ kind: 'flow', about: id, detail: `ended after its parent ${parent.id}` });
  }
  for (const job of plan.jobs) {
    const isParent = job.kind === 'task' && job.steps[0]?.end === 'children';
    const isFlow = job.kind === 'raw' && job.type === 'run_flow';
    if (!(isParent || isFlow) || plan.cancels.some(({ id }) => id === job.id)) continue;
    const last = histories.get(job.id)?.at(-1);
    if (last?.status === 'completed') continue;
    found.push({ kind: 'flow', about: job.id, detail: `is ${last?.state}: ${last?.error?.message ?? ''}` });
  }
  return found;
}

function endOf(history: readonly StoredRecord[] = []): StoredRecord | undefined {
  return history.find(({ status }) => isTerminal(status));
}

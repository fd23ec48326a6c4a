/** What commits becomes a job, what rolls back becomes none, and no row stays. That each job ends once holds for all jobs. */
import type { Evidence } from './evidence.js';
import type { Violation } from './invariants.js';

export function outboxViolations({ outbox, histories }: Evidence): Violation[] {
  if (!outbox) return [];
  const { committed, rolledBack, left } = outbox;
  const found = [...rolledBack]
    .filter((id) => histories.has(id))
    .map((id): Violation => ({ kind: 'rolled-back', about: id, detail: 'its transaction did not commit' }));
  const rows = (left?.waiting ?? 0) + (left?.setAside ?? 0);
  if (rows > 0) found.push({ kind: 'left-over', about: 'outbox', detail: JSON.stringify(left) });
  if (committed.length === 0)
    found.push({ kind: 'harness', about: 'outbox', detail: 'no transaction has committed' });
  return found;
}

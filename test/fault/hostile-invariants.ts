/** What no hostile client brings about. */
import type { JobRecord } from '../../src/index.js';
import type { Evidence } from './evidence.js';
import { FORGED_ID } from './hostile-client.js';
import type { Violation } from './invariants.js';

export function hostileViolations(evidence: Evidence): Violation[] {
  return [...forgedJob(evidence), ...foreignTouched(evidence), ...stoppedForNothing(evidence)];
}

function hostile(about: string, detail: string): Violation {
  return { kind: 'hostile', about, detail };
}

function forgedJob({ histories }: Evidence): Violation[] {
  return histories.has(FORGED_ID) ? [hostile(FORGED_ID, 'an answer was taken for a job')] : [];
}

function foreignTouched({ ledger, foreign }: Evidence): Violation[] {
  return ledger
    .filter(({ action, instanceId }) => action !== 'create' && foreign.has(instanceId))
    .map(({ action, instanceId, name }) =>
      hostile(`${name} ${instanceId}`, `${action} of a foreign instance`),
    );
}

/** Whoever sends a notice stops no job that was not cancelled. */
function stoppedForNothing({ stopped, histories }: Evidence): Violation[] {
  return [...stopped]
    .filter((id) => !wasCancelled(histories.get(id) ?? []))
    .map((id) => hostile(id, 'its handler was stopped though nobody has cancelled the job'));
}

/** Whether a job was cancelled, in any of its lives. */
export function wasCancelled(history: readonly JobRecord[]): boolean {
  return history.some(
    ({ state, failures = [] }) =>
      state === 'cancelled' || failures.some((past) => past.state === 'cancelled'),
  );
}

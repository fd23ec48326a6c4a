import { MAX_LOOK_UPS } from '../../machines/index.js';
import type { JobRecord } from '../../src/index.js';
import { JobType } from '../../src/jetfleet.js';
import type { Evidence } from './evidence.js';
import type { Violation } from './invariants.js';
import { SETTLE_DELAY_MS } from './plan.js';
import type { Create } from './workload.js';

/** How long a job of unknown outcome looks for its instance. */
const LOOK_UPS_MS = SETTLE_DELAY_MS * MAX_LOOK_UPS;

/** Every instance that lives has one job that owns it, and every create job at most one instance, or none if it failed. */
export function instanceViolations(evidence: Evidence): Violation[] {
  const creates = [...evidence.histories.values()].filter(
    ([first]) => first?.type === JobType.CREATE_INSTANCE,
  );
  const owners = new Map(
    creates.flatMap((history) => namesOf(history).map((name) => [name, history] as const)),
  );
  return [
    ...evidence.live
      .filter(({ id }) => !evidence.foreign.has(id))
      .flatMap((instance) => ownerViolations(instance, owners.get(instance.name), evidence)),
    ...[...owners].flatMap(([name, history]) => countViolations(name, history, evidence)),
    ...creates.flatMap((history) => missing(history, evidence)),
  ];
}

/** Every name that the job has recorded, in all of its lives. */
function namesOf(history: readonly JobRecord[]): string[] {
  const names = history.map(
    ({ checkpoint }) => (checkpoint as { instanceName?: string } | undefined)?.instanceName,
  );
  return [...new Set(names.filter((name) => name !== undefined))];
}

function ownerViolations(
  instance: { id: string; name: string; status: string },
  history: readonly JobRecord[] | undefined,
  { histories }: Evidence,
): Violation[] {
  const orphaned = (why: string): Violation[] => [
    { kind: 'orphaned-instance', about: `${instance.name} ${instance.id}`, detail: why },
  ];
  const owner = history?.at(-1);
  if (!owner) return orphaned('no job has recorded this name');
  if (owner.status !== 'completed') return orphaned(`${owner.id} is ${owner.state}`);
  if (instanceIdOf(owner) !== instance.id) return orphaned(`${owner.id} has ${instanceIdOf(owner)}`);
  const monitor = histories.get(`${owner.id}-monitor`)?.at(-1);
  if (isReplaced(monitor)) return orphaned(`${owner.id} was given up for another offer`);
  if (monitor?.status !== 'failed') return [];
  return mayStay(owner, monitor, instance.status) ? [] : orphaned(`${monitor.id} is ${monitor.state}`);
}

/** It was deleted for the next offer. */
function isReplaced(monitor: JobRecord | undefined): boolean {
  return (monitor?.result as { status?: string } | undefined)?.status === 'replaced';
}

/** A failed operation leaves an instance only where its order says so. */
function mayStay({ payload }: JobRecord, monitor: JobRecord, status: string): boolean {
  const { onTimeout } = payload as { onTimeout?: string };
  if (onTimeout === 'keep') return monitor.state !== 'cancelled';
  return onTimeout === 'stop' && monitor.state === 'timed_out' && status === 'exited';
}

/** More than one create for a name is right only where the first may have come too late to be seen. */
function countViolations(name: string, history: readonly JobRecord[], evidence: Evidence): Violation[] {
  const id = history[0]?.id ?? '';
  const live = evidence.live.filter((instance) => instance.name === name).length;
  const calls = evidence.ledger.filter((entry) => entry.name === name);
  const creates = calls.filter(({ action }) => action === 'create').length;
  if (live <= 1 && (creates <= 1 || mayCreateTwice(id, history, evidence))) return [];
  const told = [
    ...calls.map(({ at, action }) => `${at} ${action}`),
    ...history.map(
      ({ updatedAt, state, attempt, worker }) => `${updatedAt} ${state} ${attempt} by ${worker}`,
    ),
  ];
  const detail = `${creates} creates, ${live} live of ${name}: ${told.sort().join(', ')}`;
  return [{ kind: 'duplicated-instance', about: id, detail }];
}

/** A worker that stands still after the answer to its fence cannot be told from one that is about to call. */
function mayCreateTwice(id: string, history: readonly JobRecord[], { plan, lagMs }: Evidence): boolean {
  // The jobs of further offers, and those that replace an instance, have its faults as well.
  const planned = plan.jobs.find((job): job is Create => job.kind === 'create' && isOf(job, id));
  if (planned?.mayCreateTwice) return true;
  // Within one claim nothing excuses it: every create is followed by look-ups, which wait their turn behind it.
  if (claimsOf(history) < 2) return false;
  // A provider that takes longer to carry out a create than its look-ups take to find nothing.
  if (lagMs > LOOK_UPS_MS / 2) return true;
  return plan.faults.some(
    (fault) =>
      ['freeze', 'block'].includes(fault.kind) ||
      (fault.kind === 'failpoint' && fault.action === 'freeze' && fault.failpoint === 'create.sending'),
  );
}

/** Whether a job is a planned one, or follows from it. */
function isOf(planned: Create, id: string): boolean {
  return id === planned.id || id.startsWith(`${planned.id}-`);
}

/** Records of a run go on from one another: any other one that runs is a claim. */
function claimsOf(history: readonly JobRecord[]): number {
  return history.filter(({ state, attempt, worker }, index) => {
    const before = history[index - 1];
    return (
      state === 'running' &&
      !(before?.state === 'running' && before.attempt === attempt && before.worker === worker)
    );
  }).length;
}

/** A job that says its instance runs must be right, unless something outside took the instance away, or its user did. */
function missing(history: readonly JobRecord[], { histories, live, plan }: Evidence): Violation[] {
  const owner = history.at(-1);
  const monitor = owner && histories.get(`${owner.id}-monitor`)?.at(-1);
  if (monitor?.status !== 'completed' || isReplaced(monitor)) return [];
  const planned = plan.jobs.find(({ id }) => id === owner?.id);
  const vanishes = planned?.kind === 'create' && planned.faults.some(({ kind }) => kind === 'vanish');
  // What becomes of those is for `fleetViolations`.
  const isOrderedAbout = plan.jobs.some(
    (job) => job.kind === 'create' && job.orders && isOf(job, owner?.id ?? ''),
  );
  const id = instanceIdOf(owner as JobRecord);
  if (vanishes || isOrderedAbout || live.some((instance) => instance.id === id)) return [];
  return [
    {
      kind: 'missing-instance',
      about: owner?.id ?? '',
      detail: `${id} is gone though its monitor completed`,
    },
  ];
}

function instanceIdOf({ result }: JobRecord): string | undefined {
  return (result as { novitaInstanceId?: string } | undefined)?.novitaInstanceId;
}

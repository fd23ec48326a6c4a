/** What holds over several providers, and for instances that their users order about. */
import type { JobRecord } from '../../src/index.js';
import { JobType } from '../../src/jetfleet.js';
import { textField } from '../../src/jobs/text-field.js';
import type { Evidence } from './evidence.js';
import { orderJobId, outcomeJobId } from './instance-orders.js';
import type { Violation, ViolationKind } from './invariants.js';
import type { Order } from './plan.js';
import type { Create } from './workload.js';

export function fleetViolations(evidence: Evidence): Violation[] {
  const creates = evidence.plan.jobs.filter((job): job is Create => job.kind === 'create');
  return [
    ...creates.flatMap((job) => capacityOf(job, evidence)),
    ...creates.flatMap((job) => ordersOf(job, evidence)),
    ...healthyDeleted(evidence),
  ];
}

/** A job fails for want of machines only where none of the providers that it names has one. */
function capacityOf({ id, fullAt, payload }: Create, { histories }: Evidence): Violation[] {
  const { providers = [] } = payload;
  const withRoom = providers.filter((name) => fullAt !== undefined && !fullAt.some((full) => full === name));
  const last = histories.get(id)?.at(-1);
  if (withRoom.length === 0 || last?.status !== 'failed') return [];
  const { code, message } = last.error ?? {};
  if (code !== 'JETFLEET_PROVIDER_CAPACITY') return [];
  return [violation('capacity-missed', id, `${withRoom.join(', ')} had a machine: ${message}`)];
}

/** An instance whose monitor has found it running is deleted only where its user has asked for that, or for another one in its place. */
function healthyDeleted({ histories, ledger, accepted }: Evidence): Violation[] {
  const added = new Set(accepted);
  const wanted = new Set<string | undefined>();
  const owned: { id: string; owner: JobRecord }[] = [];
  for (const history of histories.values()) {
    const last = history.at(-1);
    if (!last) continue;
    const { id, type, payload, result } = last;
    if (type === JobType.DELETE_INSTANCE && added.has(id)) wanted.add(textField(payload, 'novitaInstanceId'));
    if (type === 'migrate_instance' && added.has(id)) wanted.add(textField(result, 'replaced'));
    if (type !== JobType.CREATE_INSTANCE) continue;
    const rented = textField(result, 'novitaInstanceId');
    const monitor = histories.get(`${id}-monitor`)?.at(-1);
    const hasRun = textField(monitor?.result, 'status') === 'running';
    if (rented !== undefined && hasRun) owned.push({ id: rented, owner: last });
  }
  return owned.flatMap(({ id, owner }) => {
    const deleted = ledger.find(({ action, instanceId }) => action === 'delete' && instanceId === id);
    if (!deleted || wanted.has(id)) return [];
    return [violation('healthy-deleted', owner.id, `${id} ran, and was deleted at ${deleted.at}`)];
  });
}

/** What the last of its orders has left: each that completed is carried out, and none is undone. */
function ordersOf({ id, orders = [], faults }: Create, { histories, live }: Evidence): Violation[] {
  const last = (jobId: string) => histories.get(jobId)?.at(-1);
  let instance = textField(last(id)?.result, 'novitaInstanceId');
  let left: Left = 'running';
  for (const [place, order] of orders.entries()) {
    const jobId = orderJobId(id, order, place);
    const job = last(jobId);
    if (!job) return [];
    // It is cancelled in the end, and changes nothing.
    if (order === 'watch') continue;
    const outcome = last(outcomeJobId(order, jobId));
    if (job.status !== 'completed' || outcome?.status !== 'completed') {
      return faults.length > 0 || !isUnexplained(outcome ?? job)
        ? []
        : [violation('unexpected-failure', jobId, `${outcome?.error?.code}: ${outcome?.error?.message}`)];
    }
    const before = instance;
    left = LEAVES[order];
    if (order !== 'migrate' && order !== 'lose') continue;
    instance = textField(outcome.result, 'novitaInstanceId');
    if (live.some((each) => each.id === before))
      return [violation('order-undone', jobId, `${before} lives beside ${instance}, which replaced it`)];
  }
  const found = live.find((each) => each.id === instance);
  const status = found?.status ?? 'gone';
  if (orders.length === 0 || STATUSES[left].includes(status)) return [];
  return [violation('order-undone', id, `${instance} is ${status} after ${orders.join(', ')}`)];
}

type Left = 'running' | 'stopped' | 'gone';

const LEAVES: Readonly<Record<Order, Left>> = {
  stop: 'stopped',
  start: 'running',
  restart: 'running',
  migrate: 'running',
  watch: 'running',
  lose: 'running',
  delete: 'gone',
};
const STATUSES: Readonly<Record<Left, readonly string[]>> = {
  running: ['running'],
  stopped: ['exited'],
  gone: ['gone', 'removed'],
};

/**
 * A restart cannot be repeated at a provider that does not show when an instance started; anything else is, until the workers that die with it have
 * used all attempts.
 */
const EXPLAINED = /^JETFLEET_(STALLED|PROVIDER_AMBIGUOUS|PROVIDER_TRANSIENT|PUBLISH_TIMEOUT|READ_TIMEOUT)$/;

function isUnexplained({ status, error }: JobRecord): boolean {
  return status === 'failed' && !EXPLAINED.test(error?.code ?? '');
}

function violation(kind: ViolationKind, about: string, detail: string): Violation {
  return { kind, about, detail };
}

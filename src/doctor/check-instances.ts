import { createHash } from 'node:crypto';
import type { Broker } from '../broker/broker.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { compensationFor } from '../jobs/compensation.js';
import type { JobRecord } from '../jobs/job-record.js';
import { DELETE_MAX_ATTEMPTS } from '../jobs/limits.js';
import { JobType } from '../jobs/vocabulary.js';
import { type Diagnosis, diagnose } from './finding.js';
import { OwnerSearch } from './owner-search.js';

export interface InstanceCheckOptions {
  /** How old an instance must be before it is judged, in milliseconds. Defaults to ten minutes. */
  graceMs?: number;
  signal?: AbortSignal;
}

export const DEFAULT_INSTANCE_GRACE_MS = 600_000;

/**
 * Instances of ours that cost money for nobody. An instance is judged by what the records say after it was listed,
 * and only called orphaned when they say so: one that no record knows may be in use since before they expired.
 */
export async function checkInstances(
  broker: Broker,
  provider: GpuProvider,
  { graceMs = DEFAULT_INSTANCE_GRACE_MS, signal }: InstanceCheckOptions = {},
): Promise<Diagnosis[]> {
  const instances: Instance[] = [];
  for await (const instance of provider.list({ namePrefix: INSTANCE_NAME_PREFIX }, signal)) {
    if (isThere(instance) && ageMs(instance) >= graceMs) instances.push(instance);
  }
  if (instances.length === 0) return [];
  const search = new OwnerSearch(broker);
  const owners = await search.find(instances.map(({ name }) => name));
  const diagnoses: Diagnosis[] = [];
  for (const instance of instances) {
    const owner = owners.get(instance.name);
    const verdict = owner ? await judge(broker, instance, owner) : undefined;
    if (!owner) diagnoses.push(diagnose('instance_unknown', instance.id, `no record knows ${instance.name}`));
    if (verdict) diagnoses.push(orphan(broker, instance, owner as JobRecord, verdict));
  }
  return diagnoses;
}

function isThere({ status }: Instance): boolean {
  return status !== 'terminated' && status !== 'terminating';
}

/** A provider that tells no time of creation leaves an instance young for ever: it is never judged. */
function ageMs({ createdAt }: Instance): number {
  const created = Date.parse(createdAt ?? '');
  return Number.isNaN(created) ? Number.NEGATIVE_INFINITY : Date.now() - created;
}

/** @returns why the instance belongs to nobody, or undefined when it belongs to its owner */
async function judge(broker: Broker, instance: Instance, owner: JobRecord): Promise<string | undefined> {
  const { id, status, state } = owner;
  if (nameOf(owner) !== instance.name) return `job ${id} has failed under this name, and was tried anew`;
  if (status === 'pending' || status === 'processing') return undefined;
  if (status === 'failed') return `job ${id} is FAILED (${state})`;
  const owned = (owner.result as { novitaInstanceId?: string } | undefined)?.novitaInstanceId;
  if (owned !== instance.id) return `job ${id} has another instance, ${owned}`;
  return judgeByMonitor(broker, owner);
}

/** Once it is rented, the monitor answers for an instance, as long as its record is kept. */
async function judgeByMonitor(broker: Broker, { next = [] }: JobRecord): Promise<string | undefined> {
  const follower = next.find(({ type }) => type === JobType.MONITOR_INSTANCE);
  const monitor = follower && (await broker.lastEvent(follower.id))?.record;
  return monitor && compensationFor(monitor) ? `job ${monitor.id} is FAILED (${monitor.state})` : undefined;
}

function nameOf({ checkpoint }: JobRecord): unknown {
  return (checkpoint as { instanceName?: unknown } | undefined)?.instanceName;
}

function orphan(broker: Broker, { id, name }: Instance, owner: JobRecord, why: string): Diagnosis {
  const { instanceId } = (owner.payload ?? {}) as { instanceId?: unknown };
  const jobId = `orphan-${createHash('sha256').update(id).digest('hex').slice(0, 24)}`;
  return diagnose('instance_orphaned', id, `${name}: ${why}`, async () => {
    await broker.enqueue({
      id: jobId,
      type: JobType.DELETE_INSTANCE,
      priority: 'normal',
      payload: { instanceId: typeof instanceId === 'string' ? instanceId : name, novitaInstanceId: id },
      maxAttempts: DELETE_MAX_ATTEMPTS,
      parentId: owner.id,
      createdAt: new Date().toISOString(),
    });
    return `job ${jobId} deletes it`;
  });
}

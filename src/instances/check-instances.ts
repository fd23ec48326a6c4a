import { createHash } from 'node:crypto';
import type { Broker } from '../broker/broker.js';
import { PartsUnreachable } from '../gpu/combined-provider.js';
import { isSameInstance, ownId } from '../gpu/instance-home.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import { ProviderError } from '../gpu/provider-error.js';
import { defined } from '../jobs/defined.js';
import { inParts } from '../jobs/in-parts.js';
import { toJobError } from '../jobs/job-error.js';
import { derivedId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { findJob } from '../queue/job-lookup.js';
import { redriveJob } from '../queue/job-redrive.js';
import { type Diagnosis, diagnose } from '../upkeep/finding.js';
import type { ResourceCheck, ResourceCheckOf } from '../upkeep/sweeper.js';
import { isEnding } from './ending.js';
import type { KnownInstance } from './instance-directory.js';
import { deleteInstance, deletesAfter, givenUpBy, instanceNameOf, monitorInstance } from './jobs.js';
import { OwnerSearch } from './owner-search.js';
import type { DeleteInstancePayload } from './schemas.js';

/** A provider, as far as the check needs it. */
export interface InstanceSource {
  readonly name: string;
  list(filter: { namePrefix: string }, signal?: AbortSignal): AsyncIterable<KnownInstance>;
}

/** How old an instance must be before it is judged. */
export const DEFAULT_INSTANCE_GRACE_MS = 600_000;
/** Instances that are judged at once. */
const PARALLEL = 32;

/** What the records say of an instance. */
export interface JudgedInstance {
  instance: KnownInstance;
  /** ISO time since when it is there, as far as is known. */
  since: string;
  why: string;
  /** The create job that rented it. Absent where no record knows the instance. */
  owner?: JobRecord;
  /** Adds the job that deletes it, or revives the one that gave up; gives its id. Absent where no record knows the instance. */
  remove?: () => Promise<string>;
}

/** Why an instance belongs to nobody, and the jobs that may be deleting it already. */
interface Verdict {
  why: string;
  deletes: string[];
}

/**
 * Finds instances of ours that cost money for nobody. An instance is judged by what the records say after it was
 * listed, and only called orphaned when they say so: one that no record knows may be in use since before they expired.
 */
export class InstanceCheck implements ResourceCheck {
  readonly #broker: Broker;
  readonly #source: InstanceSource;
  readonly #graceMs: number;
  readonly #looksOnce: boolean;
  readonly #owners: OwnerSearch;
  /** When each was listed first that is said to be created later than now, or at no time. */
  readonly #firstSeen = new Map<string, number>();
  /**
   * When this worker found each orphan first, by the id at the provider and by `performance.now()`. What other workers say
   * they have found does not count: anybody can send such a notice.
   */
  readonly #orphanedSince = new Map<string, number>();

  constructor(
    broker: Broker,
    source: InstanceSource,
    {
      graceMs = DEFAULT_INSTANCE_GRACE_MS,
      looksOnce = false,
    }: { graceMs?: number; looksOnce?: boolean } = {},
  ) {
    this.#broker = broker;
    this.#source = source;
    this.#graceMs = graceMs;
    this.#looksOnce = looksOnce;
    this.#owners = new OwnerSearch(broker);
  }

  /** A provider that cannot be asked is a finding of its own. */
  async look(signal?: AbortSignal): Promise<Diagnosis[]> {
    const { judged, unreachable } = await this.judge(signal);
    return [...unreachable, ...judged.map(diagnosisOf)];
  }

  /** Those that belong to nobody, and those that no record knows; and the providers that could not be asked. */
  async judge(signal?: AbortSignal): Promise<{ judged: JudgedInstance[]; unreachable: Diagnosis[] }> {
    const { instances: dated, undated, error } = await this.#list(signal);
    const unreachable = this.#unreachable(error);
    const listed = this.#looksOnce ? [...dated, ...undated] : dated;
    const owners = await this.#owners.find(new Set(listed.map(({ name }) => name)));
    const now = this.#broker.clock.now();
    // Where there is no second look, it is as old as the end of the job that has rented it.
    const hasEnded = ({ name }: KnownInstance) => {
      const owner = owners.get(name);
      return !owner || now - Date.parse(owner.finishedAt ?? '') >= this.#graceMs;
    };
    const instances = [...dated, ...listed.slice(dated.length).filter(hasEnded)];
    const found = await inParts(instances, PARALLEL, (each) => this.#judge(each, owners.get(each.name)));
    return { judged: found.filter((each) => each !== undefined), unreachable };
  }

  #unreachable(error: ProviderError | undefined): Diagnosis[] {
    if (!error) return [];
    if (!(error instanceof PartsUnreachable)) {
      return [diagnose('provider_unreachable', this.#source.name, error.message)];
    }
    return error.failures.map((each) =>
      diagnose('provider_unreachable', each.provider, toJobError(each.error).message),
    );
  }

  get hasReported(): boolean {
    return this.#orphanedSince.size > 0;
  }

  /**
   * The orphans whose time is over. An instance is deleted only when it has been orphaned for a while: what is reported late, or
   * read in a bad moment, has time to come right. Those that were not found any more are forgotten.
   */
  due(instances: readonly Diagnosis[]): Diagnosis[] {
    const unreachable = instances.filter(({ finding }) => finding.code === 'provider_unreachable');
    // Of instances that could not be listed nothing new is known.
    const isHidden = (id: string) =>
      unreachable.some(({ finding: { target } }) => target === this.#source.name || ownId(target, id) !== id);
    const orphans = instances.filter(({ finding }) => finding.code === 'instance_orphaned');
    const present = new Set(orphans.map(({ finding }) => finding.target));
    for (const id of this.#orphanedSince.keys()) {
      if (!present.has(id) && !isHidden(id)) this.#orphanedSince.delete(id);
    }
    const now = performance.now();
    const due = orphans.filter(({ finding: { target } }) => {
      const since = this.#orphanedSince.get(target);
      return since !== undefined && now - since >= this.#graceMs;
    });
    for (const id of present) if (!this.#orphanedSince.has(id)) this.#orphanedSince.set(id, now);
    return due;
  }

  /** Those that cost money and are old enough to be judged, of each provider whose list came to its end. */
  async #list(
    signal?: AbortSignal,
  ): Promise<{ instances: KnownInstance[]; undated: KnownInstance[]; error?: ProviderError }> {
    const now = this.#broker.clock.now();
    const old: KnownInstance[] = [];
    const undated = new Map<string, KnownInstance>();
    const seen = new Set<string>();
    let error: ProviderError | undefined;
    try {
      for await (const instance of this.#source.list({ namePrefix: INSTANCE_NAME_PREFIX }, signal)) {
        const { id, status } = instance;
        if (isEnding(status)) continue;
        if ((createdMs(instance) ?? Number.POSITIVE_INFINITY) > now) {
          undated.set(id, instance);
          seen.add(id);
          if (!this.#firstSeen.has(id)) this.#firstSeen.set(id, now);
        }
        if (now - this.#sinceMs(instance) >= this.#graceMs) {
          old.push(instance);
          undated.delete(id);
        }
      }
    } catch (thrown) {
      if (!(thrown instanceof ProviderError)) throw thrown;
      error = thrown;
    }
    const isHidden = (id: string) => error && !(error instanceof PartsUnreachable && !error.hides(id));
    for (const id of this.#firstSeen.keys()) {
      if (!seen.has(id) && !isHidden(id)) this.#firstSeen.delete(id);
    }
    const shown = (instances: Iterable<KnownInstance>) => [...instances].filter(({ id }) => !isHidden(id));
    return { instances: shown(old), undated: shown(undated.values()), ...defined({ error }) };
  }

  #sinceMs(instance: KnownInstance): number {
    return this.#firstSeen.get(instance.id) ?? createdMs(instance) ?? this.#broker.clock.now();
  }

  async #judge(instance: KnownInstance, owner: JobRecord | undefined): Promise<JudgedInstance | undefined> {
    const { id, name } = instance;
    const since = new Date(this.#sinceMs(instance)).toISOString();
    if (!owner) return { instance, since, why: `no record knows ${name}` };
    const isIt = (recorded: string) => isSameInstance(id, recorded, this.#source.name);
    const verdict = await judge(this.#broker, instance, owner, isIt);
    if (!verdict || (await isBeingDeleted(this.#broker, instance, verdict.deletes, isIt))) return undefined;
    const remove = () => deleteOrphan(this.#broker, instance, owner);
    return { instance, since, why: `${name}: ${verdict.why}`, owner, remove };
  }
}

function diagnosisOf({ instance: { id }, since, why, remove }: JudgedInstance): Diagnosis {
  if (!remove) return diagnose('instance_unknown', id, why, undefined, { since });
  return diagnose('instance_orphaned', id, why, async () => `job ${await remove()} deletes it`, { since });
}

/** Has each sweep check the instances of an account, and delete those that belong to nobody. */
export function sweptInstances(source: InstanceSource): ResourceCheckOf {
  const checkOf = (broker: Broker, graceMs?: number) =>
    new InstanceCheck(broker, source, defined({ graceMs }));
  return Object.assign(checkOf, { resource: 'instances' });
}

function createdMs({ createdAt }: KnownInstance): number | undefined {
  const ms = Date.parse(createdAt ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

/**
 * @param isIt whether an id that a record holds is that of the instance
 * @returns undefined when the instance belongs to its owner
 */
async function judge(
  broker: Broker,
  instance: KnownInstance,
  owner: JobRecord,
  isIt: (recorded: string) => boolean,
): Promise<Verdict | undefined> {
  const { id, status, state, result, redrives = 0 } = owner;
  const orphaned = (why: string): Verdict => ({ why, deletes: deletesAfter(owner) });
  if (instanceNameOf(owner) !== instance.name) {
    // Only the life before a redrive had another name.
    return redrives > 0 ? orphaned(`job ${id} has failed under this name, and was retried`) : undefined;
  }
  if (status === 'pending' || status === 'processing') return undefined;
  if (status === 'failed') return orphaned(`job ${id} is FAILED (${state})`);
  const owned = textField(result, 'novitaInstanceId');
  // Without an id of its own it proves nothing against this one.
  if (owned === undefined) return undefined;
  if (!isIt(owned)) return orphaned(`job ${id} has another instance, ${owned}`);
  return judgeByMonitor(broker, owner);
}

/** Once it is rented, the monitor answers for an instance, as long as its record is kept. */
async function judgeByMonitor(broker: Broker, { next = [] }: JobRecord): Promise<Verdict | undefined> {
  const follower = next.find(({ type }) => type === monitorInstance.type);
  const monitor = follower && (await broker.lastEvent(follower.id))?.record;
  if (!monitor || !givenUpBy(monitor)) return undefined;
  const { id, status, state } = monitor;
  const why = status === 'completed' ? `job ${id} has replaced it` : `job ${id} is FAILED (${state})`;
  return { why, deletes: deletesAfter(monitor) };
}

/** How often an instance may come back after it was shown to be gone. */
const MAX_DELETES = 20;

/** Whether some job deletes the instance already: one that followed from a failure, or one of an earlier look. */
async function isBeingDeleted(
  broker: Broker,
  { id, name }: KnownInstance,
  candidates: readonly string[],
  isIt: (recorded: string) => boolean,
): Promise<boolean> {
  for (const candidate of [orphanJobId(id), ...candidates]) {
    const job = await findJob(broker, candidate);
    if (job?.type !== deleteInstance.type || isTerminal(job.status)) continue;
    const { novitaInstanceId, instanceName } = (job.payload ?? {}) as Partial<DeleteInstancePayload>;
    if (novitaInstanceId === undefined ? instanceName === name : isIt(novitaInstanceId)) return true;
  }
  return false;
}

/** Adds a job that deletes the instance, or revives the one that gave up; returns its id. */
async function deleteOrphan(broker: Broker, instance: KnownInstance, owner: JobRecord): Promise<string> {
  for (let count = 1; count <= MAX_DELETES; count++) {
    const id = count === 1 ? orphanJobId(instance.id) : derivedId(orphanJobId(instance.id), String(count));
    const job = await findJob(broker, id);
    // Shown to be gone, and listed again: that is another deletion.
    if (job?.status === 'completed') continue;
    if (job?.status === 'failed') await redriveJob(broker, id);
    if (!job) await enqueueDelete(broker, id, instance, owner);
    return id;
  }
  throw new Error(`the provider has shown instance ${instance.id} again after ${MAX_DELETES} deletions`);
}

async function enqueueDelete(
  broker: Broker,
  id: string,
  { id: novitaInstanceId, name }: KnownInstance,
  owner: JobRecord,
) {
  const payload: DeleteInstancePayload = {
    instanceId: textField(owner.payload, 'instanceId') ?? name,
    novitaInstanceId,
  };
  // By way of TIMERS, so that its parent is believed although its id comes from the instance.
  await broker.jobs.enqueueAgain({
    id,
    type: deleteInstance.type,
    priority: 'normal',
    payload,
    parentId: owner.id,
    createdAt: new Date(broker.clock.now()).toISOString(),
  });
}

/** The provider may choose any characters for its ids, a job may not. */
function orphanJobId(instanceId: string): string {
  return `orphan-${createHash('sha256').update(instanceId).digest('hex').slice(0, 24)}`;
}

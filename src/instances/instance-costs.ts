/** What instances cost, as it is shown: each of them, and all of a job together. */
import type { Broker } from '../broker/broker.js';
import { JetfleetError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import { costOf, hasUnknownPrice, ratePerHour } from '../money/cost.js';
import { type ShownStatus, statusOf } from '../money/ledger.js';
import type { LedgerEntry } from '../money/ledger-entry.js';
import { LedgerStore } from '../money/ledger-store.js';
import { runFlowJob } from '../queue/flows/flow-job.js';
import { readFlow } from '../queue/flows/flow-status.js';
import { findJob } from '../queue/job-lookup.js';
import { createInstance, monitorInstance } from './jobs.js';
import { migrateInstance } from './lifecycle-jobs.js';

/** An entry of the ledger with what it comes to now. Amounts are 1/100,000 USD. */
export interface InstanceCost extends LedgerEntry {
  status: Exclude<ShownStatus, 'open'>;
  /** So far. */
  cost: number;
  /** As it is now; 0 for one that is stopped or has ended. */
  ratePerHour: number;
  /** Whether nobody has said what a part of its time costs, so that `cost` leaves that out. */
  isUnpriced: boolean;
}

/** What a job has cost so far: every instance that was rented for it. */
export interface JobCost {
  jobId: string;
  cost: number;
  ratePerHour: number;
  isUnpriced: boolean;
  instances: InstanceCost[];
}

/** Whether something may have been rented for a job, as far as its record says. */
export function mayCost({ type, payload }: JobRecord): boolean {
  return (
    type === createInstance.type ||
    type === runFlowJob.type ||
    textField(payload, 'novitaInstanceId') !== undefined
  );
}

/** More jobs of one operation or flow are not followed. */
const MAX_JOBS = 5_000;

export function shownCost(entry: LedgerEntry, nowMs: number): InstanceCost {
  return {
    ...entry,
    status: statusOf(entry),
    cost: costOf(entry, nowMs),
    ratePerHour: ratePerHour(entry),
    isUnpriced: hasUnknownPrice(entry),
  };
}

/**
 * What was rented for a job: of a create job for all offers that it has tried, of a flow by all of its jobs, of any other job of an instance that
 * instance. An expired record keeps what the ledger knows of the job.
 * @throws JetfleetError `JETFLEET_NOT_FOUND` for a job that neither a record nor the ledger knows
 */
export async function costOfJob(broker: Broker, jobId: string): Promise<JobCost> {
  const store = new LedgerStore(broker);
  const found = new Map<string, LedgerEntry>();
  const keep = (entry: LedgerEntry | undefined) => {
    if (entry) found.set(`${entry.provider} ${entry.id}`, entry);
  };
  const job = await findJob(broker, jobId);
  const creates = job ? await createsOf(broker, job) : new Set([jobId]);
  for (const id of creates) for (const entry of await store.ofJob(id)) keep(entry);
  const named = job && creates.size === 0 ? textField(job.payload, 'novitaInstanceId') : undefined;
  if (named !== undefined) keep(await store.find(named));
  if (!job && found.size === 0) throw new JetfleetError('JETFLEET_NOT_FOUND', `there is no job ${jobId}`);
  const now = broker.clock.now();
  const instances = [...found.values()].map((entry) => shownCost(entry, now));
  return {
    jobId,
    cost: instances.reduce((sum, { cost }) => sum + cost, 0),
    ratePerHour: instances.reduce((sum, each) => sum + each.ratePerHour, 0),
    isUnpriced: instances.some(({ isUnpriced }) => isUnpriced),
    instances,
  };
}

/** The create jobs whose instances are those of a job: itself, its next offers, and those of the jobs of its flow. */
async function createsOf(broker: Broker, job: JobRecord): Promise<Set<string>> {
  const creates = new Set<string>();
  const flow = await readFlow(broker, job.id);
  const left = flow ? flow.jobs.filter(({ type }) => type === createInstance.type).map(({ id }) => id) : [];
  if (job.type === createInstance.type) left.push(job.id);
  const replacement = job.type === migrateInstance.type ? textField(job.result, 'createJobId') : undefined;
  if (replacement !== undefined) left.push(replacement);
  for (let id = left.pop(); id !== undefined && creates.size < MAX_JOBS; id = left.pop()) {
    if (creates.has(id)) continue;
    creates.add(id);
    const create = (await broker.lastEvent(id))?.record;
    for (const next of create?.next ?? []) {
      if (next.type !== monitorInstance.type) continue;
      const monitor = (await broker.lastEvent(next.id))?.record;
      const follower = monitor?.next?.find(({ type }) => type === createInstance.type);
      if (follower) left.push(follower.id);
    }
  }
  return creates;
}

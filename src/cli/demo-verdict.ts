/** Holds what happened in the demo against its plan. Pure, so that a test can show it what must not pass. */
import type { LedgerEntry } from '../gpu/index.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import type { ExpectedJob, ExpectedOperation, Plan } from './demo-plan.js';
import type { ReceivedWebhook } from './demo-receiver.js';
import { stateOf } from './job-text.js';

/** Everything that can be known about a run from the outside. */
export interface Evidence {
  /** The EVENTS stream, oldest first. */
  history: readonly JobRecord[];
  webhooks: readonly ReceivedWebhook[];
  /** What the provider carried out. */
  ledger: readonly LedgerEntry[];
  /** Names of the instances that still cost money. */
  live: readonly string[];
}

export interface Row {
  what: string;
  expected: string;
  got: string;
  ok: boolean;
}

export interface Verdict {
  rows: Row[];
  ok: boolean;
}

/** One row for each job, each operation's webhook and instance, and the sums over all of them. */
export function judge(plan: Plan, evidence: Evidence): Verdict {
  const { history, webhooks } = evidence;
  const historyOf = (job: string) => history.filter(({ id }) => id === job);
  const ofOperation = (id: string) =>
    webhooks.filter(({ jobId }) => jobId === id || jobId === `${id}-monitor`);
  const ofJob = (job: string) => webhooks.filter(({ id }) => id === job);
  const rows = [
    ...plan.jobs.map((job) => jobRow(job, historyOf(job.id))),
    ...plan.jobs.flatMap((job) => statesRow(job, historyOf(job.id))),
    ...plan.operations.map(({ id, webhook }) => webhookRow(`webhook of ${id}`, webhook, ofOperation(id))),
    ...plan.webhooks.map((id) => webhookRow(`webhook ${id}`, 'delivered', ofJob(id))),
    ...plan.operations.flatMap((operation) => instanceRow(operation, evidence)),
    ...sumRows(plan, evidence),
  ];
  return { rows, ok: rows.every(({ ok }) => ok) };
}

function row(what: string, expected: string, got: string): Row {
  return { what, expected, got, ok: expected === got };
}

function jobRow(job: ExpectedJob, history: readonly JobRecord[]): Row {
  const last = history.at(-1);
  if (!last) return row(`job ${job.id}`, outcome(job), 'no event');
  const { status, state, attempt, error } = last;
  const got = {
    status,
    state,
    attempt: job.attempt && attempt,
    errorCode: job.errorCode && (error?.code ?? 'without an error'),
    problems: job.problems && (error?.problems ?? []).map(({ path }) => path),
  };
  return row(`job ${job.id}`, outcome(job), outcome(got));
}

function outcome({ status, state, attempt, errorCode, problems }: Partial<ExpectedJob>): string {
  const parts = [
    stateOf({ status, state } as JobRecord),
    attempt && `in attempt ${attempt}`,
    errorCode,
    problems && `at ${[...problems].sort().join(', ')}`,
  ];
  return parts.filter(Boolean).join(' ');
}

function statesRow({ id, states }: ExpectedJob, history: readonly JobRecord[]): Row[] {
  if (!states) return [];
  return [row(`history of ${id}`, states.join(' → '), history.map(({ state }) => state).join(' → '))];
}

function webhookRow(what: string, expected: string, received: readonly ReceivedWebhook[]): Row {
  const statuses = [...new Set(received.map(({ status }) => status ?? 'delivered'))].join(' and ');
  const signed = received.every(({ verified }) => verified) ? 'signed' : 'NOT signed';
  const got = received.length === 0 ? 'none' : `${received.length} × ${statuses}, ${signed}`;
  return row(what, `1 × ${expected}, signed`, got);
}

function instanceRow({ id, instanceStem, deleted }: ExpectedOperation, evidence: Evidence): Row[] {
  if (instanceStem === undefined) return [];
  const count = (action: string) =>
    evidence.ledger.filter((entry) => entry.name.startsWith(instanceStem) && entry.action === action).length;
  const isLive = evidence.live.some((name) => name.startsWith(instanceStem));
  const expected = deleted ? 'rented 1 ×, deleted, gone' : 'rented 1 ×, runs';
  const got = `rented ${count('create')} ×, ${count('delete') > 0 ? 'deleted, ' : ''}${isLive ? 'runs' : 'gone'}`;
  return [row(`instance of ${id}`, expected, got)];
}

function sumRows(plan: Plan, evidence: Evidence): Row[] {
  const ids = [...new Set(evidence.history.map(({ id }) => id))];
  const endedOnce = ids.filter((job) => {
    const records = evidence.history.filter(({ id }) => id === job);
    return records.findIndex(({ status }) => isTerminal(status)) === records.length - 1;
  });
  const rented = evidence.ledger.filter(({ action }) => action === 'create').length;
  const mayRent = plan.operations.filter(({ instanceStem }) => instanceStem !== undefined).length;
  const webhooks = plan.operations.length + plan.webhooks.length;
  const sum = (what: string, verb: string, expected: number, got: number) =>
    row(what, `${expected} ${verb}`, `${got} ${verb}`);
  return [
    sum('all jobs', 'known', plan.jobs.length, ids.length),
    sum('history of all jobs', 'ended once', plan.jobs.length, endedOnce.length),
    sum('all webhooks', 'received', webhooks, evidence.webhooks.length),
    sum('all instances', 'rented', mayRent, rented),
  ];
}

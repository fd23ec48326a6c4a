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
  const histories = new Map<string, JobRecord[]>();
  for (const record of evidence.history) {
    histories.set(record.id, [...(histories.get(record.id) ?? []), record]);
  }
  const rows = [
    ...plan.jobs.map((job) => jobRow(job, histories.get(job.id) ?? [])),
    ...plan.jobs.flatMap((job) => statesRow(job, histories.get(job.id) ?? [])),
    ...plan.operations.map((operation) => operationWebhookRow(operation, evidence.webhooks)),
    ...plan.webhooks.map((id) => webhookRow(id, evidence.webhooks)),
    ...plan.operations.flatMap((operation) => instanceRow(operation, evidence) ?? []),
    ...sumRows(plan, evidence, histories),
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

function operationWebhookRow({ id, webhook }: ExpectedOperation, webhooks: readonly ReceivedWebhook[]): Row {
  const received = webhooks.filter(({ jobId }) => jobId === id || jobId === `${id}-monitor`);
  return row(`webhook of ${id}`, `1 × ${webhook}, signed`, receivedText(received));
}

function webhookRow(id: string, webhooks: readonly ReceivedWebhook[]): Row {
  return row(
    `webhook ${id}`,
    '1 × delivered, signed',
    receivedText(webhooks.filter((each) => each.id === id)),
  );
}

function receivedText(received: readonly ReceivedWebhook[]): string {
  if (received.length === 0) return 'none';
  const statuses = [...new Set(received.map(({ status }) => status ?? 'delivered'))].join(' and ');
  const signed = received.every(({ verified }) => verified) ? 'signed' : 'NOT signed';
  return `${received.length} × ${statuses}, ${signed}`;
}

function instanceRow(
  { id, instanceStem, deleted = false }: ExpectedOperation,
  evidence: Evidence,
): Row | undefined {
  if (instanceStem === undefined) return undefined;
  const count = (action: string) =>
    evidence.ledger.filter((entry) => entry.name.startsWith(instanceStem) && entry.action === action).length;
  const isLive = evidence.live.some((name) => name.startsWith(instanceStem));
  return row(
    `instance of ${id}`,
    deleted ? 'rented 1 ×, deleted, gone' : 'rented 1 ×, runs',
    `rented ${count('create')} ×, ${count('delete') > 0 ? 'deleted, ' : ''}${isLive ? 'runs' : 'gone'}`,
  );
}

function sumRows(
  plan: Plan,
  evidence: Evidence,
  histories: ReadonlyMap<string, readonly JobRecord[]>,
): Row[] {
  const endedOnce = [...histories.values()].filter((history) => {
    const ends = history.filter(({ status }) => isTerminal(status)).length;
    return ends === 1 && isTerminal(history.at(-1)?.status ?? 'pending');
  });
  const rented = evidence.ledger.filter(({ action }) => action === 'create').length;
  const mayRent = plan.operations.filter(({ instanceStem }) => instanceStem !== undefined).length;
  const webhooks = plan.operations.length + plan.webhooks.length;
  const count = (number: number, noun: string) => `${number} ${noun}`;
  return [
    row('all jobs', count(plan.jobs.length, 'known'), count(histories.size, 'known')),
    row('history of all jobs', count(plan.jobs.length, 'ended once'), count(endedOnce.length, 'ended once')),
    row('all webhooks', count(webhooks, 'received'), count(evidence.webhooks.length, 'received')),
    row('all instances', count(mayRent, 'rented'), count(rented, 'rented')),
  ];
}

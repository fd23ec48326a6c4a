/** Jobs in words: the line of a transition, the rows of a list, the block of one job. */

import type { JobCost } from '../instances/instance-costs.js';
import { formatAmount } from '../jobs/amount.js';
import { clipTo } from '../jobs/excerpt.js';
import type { JobRecord, PastFailure } from '../jobs/job-record.js';
import { maskSecrets } from '../jobs/mask.js';
import { progressText } from '../jobs/progress.js';
import { shownJob } from '../jobs/shown-job.js';
import { textField } from '../jobs/text-field.js';
import type { JobPage } from '../queue/list/job-filter.js';
import { note, paintStatus, plain, print, printJson, table } from './output.js';

/** `completed`, or `failed·timed_out` where the state says more than the status. */
export function stateOf({ status, state }: JobRecord): string {
  return status === state ? status : `${status}·${state}`;
}

const WIDTH = { id: 32, type: 16, state: 20 };

/** One transition on one aligned line: time, id, type, state, attempt, what happened. */
export function transitionLine(
  whole: JobRecord,
  stream: NodeJS.WriteStream = process.stdout,
  what?: string,
): string {
  const record = shownJob(whole);
  const state = paintStatus(record.status, stateOf(record).padEnd(WIDTH.state), stream);
  const line = [
    record.updatedAt.slice(11, 23),
    clipTo(record.id, WIDTH.id).padEnd(WIDTH.id),
    clipTo(plain(record.type), WIDTH.type).padEnd(WIDTH.type),
    state,
    `${record.attempt}/${record.maxAttempts}`.padEnd(5),
  ].join('  ');
  return `${line}  ${plain(what ?? whatHappened(record))}`.trimEnd();
}

/** How far a job is, aligned with its transitions. */
export function progressLine(
  at: Pick<JobRecord, 'id' | 'type' | 'attempt' | 'maxAttempts'> & { at: string; progress: unknown },
): string {
  const record = { ...at, updatedAt: at.at, status: 'processing', state: 'running' } as unknown as JobRecord;
  return transitionLine(record, process.stdout, progressText(maskSecrets(at.progress)));
}

export function whatHappened(record: JobRecord): string {
  const { state, error, result } = record;
  const instance = textField(result, 'novitaInstanceId') ?? textField(record.payload, 'novitaInstanceId');
  switch (state) {
    case 'queued':
      return 'waits in the queue';
    case 'scheduled':
      return record.schedule ? `recurs: ${record.schedule}` : `starts at ${record.nextRunAt?.slice(11, 23)}`;
    case 'retrying':
      return `${error?.message ?? 'failed'}; again at ${record.nextRunAt?.slice(11, 23)}`;
    case 'waiting':
      return `polls again at ${record.nextRunAt?.slice(11, 23)}`;
    case 'running':
      return running(record, instance);
    case 'completed':
      return instance
        ? `instance ${instance}`
        : clipTo(result === undefined ? '' : JSON.stringify(result), 60);
    default:
      return error ? `${error.code}: ${error.message}` : '';
  }
}

function running({ checkpoint, attempt, payload }: JobRecord, instance: string | undefined): string {
  const intent = textField(checkpoint, 'instanceName');
  if (intent) return `will rent ${intent}`;
  if (instance) return `polls ${instance}`;
  const url = textField(payload, 'url');
  if (url) return `delivers to ${url}`;
  return attempt <= 1 ? 'begins' : `begins attempt ${attempt}`;
}

/** Prints a job that a command has found or changed. */
export function printJob(record: JobRecord, { json }: { json?: boolean }, textOf = jobBlock): void {
  const shown = shownJob(record);
  if (json) printJson(shown);
  else print(textOf(shown));
}

/** The same with what was rented for the job, where something was. */
export function printJobWithCost(
  record: JobRecord,
  cost: JobCost | undefined,
  options: { json?: boolean },
): void {
  if (!cost || cost.instances.length === 0) {
    printJob(record, options);
    return;
  }
  if (options.json) {
    printJson({ ...shownJob(record), cost });
    return;
  }
  const hourly = cost.ratePerHour > 0 ? `, ${formatAmount(cost.ratePerHour)} an hour now` : '';
  const least = cost.isUnpriced ? 'at least ' : '';
  printJob(
    record,
    options,
    (shown) => `${jobBlock(shown)}\n${'cost'.padEnd(11)} ${least}${formatAmount(cost.cost)}${hourly}`,
  );
}

/** Prints a page of jobs; `none` says that there are none. */
export function printPage(page: JobPage, { json }: { json?: boolean }, none: string): void {
  if (json) {
    printJson({ ...page, jobs: page.jobs.map(shownJob) });
    return;
  }
  if (page.jobs.length > 0) print(table([LIST_HEADING, ...page.jobs.map(listRow)]));
  else note(none);
  if (page.cursor) note(`there are more: add --cursor ${page.cursor}`);
}

/** Prints the ids of jobs that run again. */
export function printRetried(ids: readonly string[], { json }: { json?: boolean }): void {
  if (json) {
    printJson({ retried: ids });
    return;
  }
  for (const id of ids) print(id);
  note(`${ids.length} jobs run again`);
}

const LIST_HEADING = ['ID', 'TYPE', 'PRIORITY', 'STATUS', 'ATTEMPT', 'UPDATED'];

export function listRow(record: JobRecord): string[] {
  const { id, type, priority, attempt, maxAttempts, updatedAt } = record;
  const state = paintStatus(record.status, plain(stateOf(record)));
  return [...[id, type, priority].map(plain), state, `${attempt}/${maxAttempts}`, plain(updatedAt)];
}

export function jobBlock(record: JobRecord): string {
  const { id, type, priority, status, attempt, maxAttempts, error, next = [], failures = [] } = record;
  const lines: [string, string | undefined][] = [
    ['id', id],
    ['type', `${type} (${priority})`],
    ['status', paintStatus(status, stateOf(record))],
    ['attempt', `${attempt} of ${maxAttempts}`],
    ['progress', record.progress === undefined ? undefined : progressText(record.progress)],
    ['created', record.createdAt],
    ['started', record.startedAt],
    ['finished', record.finishedAt],
    ['due', record.nextRunAt],
    ['expires', record.startedAt === undefined ? record.expiresAt : undefined],
    ['schedule', record.schedule ?? record.scheduledBy],
    ['worker', record.worker],
    ['parent', record.parentId],
    ['webhook', record.webhookUrl],
    ['tags', record.tags?.join(' ')],
    ['payload', json(record.payload)],
    ['checkpoint', json(record.checkpoint)],
    ['result', json(record.result)],
    ['log', record.logLines === undefined ? undefined : `${record.logLines} lines`],
    ['error', error && `${error.code}: ${error.message}${error.retryable ? ' (retryable)' : ''}`],
    ...(error?.problems ?? []).map(({ path, message }): [string, string] => [
      'problem',
      `${path || '(whole)'}: ${message}`,
    ]),
    ['stack', error?.stack],
    ...failures.map((failure): [string, string] => ['failed', pastFailure(failure)]),
    ...next.map((job): [string, string] => ['next', `${job.id} (${job.type}, ${job.priority})`]),
  ];
  return lines
    .flatMap(([name, text]) => (text === undefined ? [] : `${name.padEnd(11)} ${shown(name, text)}`))
    .join('\n');
}

/** What a record holds may be of anybody's writing. */
function shown(name: string, text: string): string {
  if (name === 'status') return text;
  const lines = name === 'stack' ? text.split('\n') : [text];
  return lines.map(plain).join(`\n${' '.repeat(12)}`);
}

/** One line on an earlier life of a job that was retried. */
function pastFailure({ state, attempt, finishedAt = '', code = '', message = '' }: PastFailure): string {
  return `${finishedAt} ${state} in attempt ${attempt}: ${code}: ${message}`;
}

function json(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

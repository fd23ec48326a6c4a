/** The producer's side: a job becomes a row, in the transaction of whoever calls. */
import { randomUUID } from 'node:crypto';
import {
  type AddOptions,
  assertDefinition,
  assertPayloadOf,
  type JobDefinition,
  type JobTypes,
} from '../jobs/define-job.js';
import { atPlace, invalidOption } from '../jobs/errors.js';
import { inexactIn } from '../jobs/exact-value.js';
import { excerptOf, formatPath } from '../jobs/excerpt.js';
import type { JobOptions, NewJob } from '../jobs/job-options.js';
import { KnownJobs } from '../jobs/known-jobs.js';
import { assertArray, assertObject, assertOptions, type OptionNames } from '../jobs/options.js';
import { JobPriority } from '../jobs/vocabulary.js';
import { checkJob } from '../queue/job-request.js';
import type { OutboxClient } from './client.js';
import { type OutboxTable, outboxTable } from './table.js';

export interface OutboxOptions {
  /** `table` or `schema.table`. Defaults to `jetfleet_outbox`. */
  table?: string;
}

const OPTIONS: OptionNames<Required<OutboxOptions>> = { table: true };

/** A statement for a client that this package does not know; it has one parameter. */
export interface OutboxStatement {
  text: string;
  values: [string];
  /** The ids of the jobs, in their order. */
  ids: string[];
}

/**
 * Adds jobs to the outbox in a transaction of yours: they exist if it commits, and leave no trace if it does not. A relay publishes
 * them afterwards. Each job is checked as `queue.add` checks it, before anything is sent to the database.
 *
 * @example
 * await client.query('BEGIN');
 * await client.query('INSERT INTO orders (id) VALUES ($1)', [42]);
 * await outbox.add(client, sendReceipt, { order: 42 });
 * await client.query('COMMIT');
 */
export class Outbox {
  readonly #table: OutboxTable;
  readonly #known = new KnownJobs();

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` */
  constructor(options: OutboxOptions = {}) {
    assertOptions('options', options, OPTIONS);
    this.#table = outboxTable(options.table);
  }

  /**
   * Adds a job of a definition; its schema checks the payload.
   * @returns the id that the job will have
   * @throws ValidationError when the payload or an option is invalid, or JSON would change it; what the client throws
   */
  async add<T extends JobTypes>(
    client: OutboxClient,
    job: JobDefinition<T>,
    payload: T['input'],
    options: AddOptions = {},
  ): Promise<string> {
    assertDefinition(job);
    assertObject('options', options);
    return (await this.addJobs(client, [job.of(payload, options)]))[0] as string;
  }

  /** Adds a job by the name of its type; as {@link add}. */
  async addJob(
    client: OutboxClient,
    type: string,
    payload: unknown,
    priority: JobPriority = JobPriority.NORMAL,
    options: JobOptions = {},
  ): Promise<string> {
    assertObject('options', options);
    return (await this.addJobs(client, [{ ...options, type, payload, priority }]))[0] as string;
  }

  /** Adds many jobs by one statement. @returns their ids, in their order */
  async addJobs(client: OutboxClient, jobs: readonly NewJob[]): Promise<string[]> {
    assertClient(client);
    const { text, values, ids } = await this.statement(jobs);
    if (ids.length > 0) await client.query(text, values);
    return ids;
  }

  /** The statement that adds jobs, for a client of another shape. */
  async statement(jobs: readonly NewJob[]): Promise<OutboxStatement> {
    assertArray('jobs', jobs);
    const rows: string[] = [];
    const ids: string[] = [];
    for (const [index, job] of jobs.entries()) {
      try {
        const { id, row } = await this.#row(job);
        rows.push(row);
        ids.push(id);
      } catch (error) {
        throw jobs.length === 1 ? error : atPlace(error, `job ${index}`);
      }
    }
    return { text: insertInto(this.#table), values: [`[${rows.join(',')}]`], ids };
  }

  /** A checked job as JSON. Its payload stands there as it will be sent. */
  async #row(job: NewJob): Promise<{ id: string; row: string }> {
    assertObject('the job', job);
    const definition = this.#known.addMakerOf(job);
    const { type, payload, priority = JobPriority.NORMAL, ...options } = job;
    const checked = checkJob(this.#known, type, payload, priority, options, Date.now());
    if (definition) await assertPayloadOf(definition, checked.body);
    const { id: jobId, delayMs, runAt, ...given } = options;
    const others = { ...given, ...keptToOne(given, definition, checked.unique?.key) };
    assertStorable(others);
    const id = randomUUID();
    const row = {
      id,
      type,
      // As text, which PostgreSQL keeps as it is: of JSON within JSON it would read every escape.
      payload: checked.body,
      priority,
      jobId,
      delayMs,
      runAt: runAt === undefined ? undefined : new Date(runAt).toISOString(),
      options: Object.keys(others).length > 0 ? JSON.stringify(others) : undefined,
    };
    return { id: jobId ?? id, row: JSON.stringify(row) };
  }
}

/** What keeps the job to one, with its key as a text: the relay has no function that makes it. */
function keptToOne(
  given: JobOptions,
  definition: JobDefinition | undefined,
  key: string | undefined,
): JobOptions {
  if (key === undefined) return {};
  const isGiven = given.unique !== undefined || given.debounce !== undefined;
  const { unique, debounce } = isGiven ? given : (definition ?? {});
  return {
    ...(unique && { unique: { ...unique, key } }),
    ...(debounce && { debounce: { ...debounce, key } }),
  };
}

/** A function among the options cannot be kept in a row. @throws ValidationError `JETFLEET_OPTION_INVALID` */
function assertStorable(options: object): void {
  const fault = inexactIn(options);
  if (fault === undefined) return;
  const what = typeof fault === 'string' ? fault : `${formatPath(fault.path)} ${fault.message}`;
  throw invalidOption(`the outbox cannot keep an option: ${what}`);
}

/** One parameter carries all rows, so that any client can send it. */
function insertInto({ quoted }: OutboxTable): string {
  return `INSERT INTO ${quoted} (id, type, payload, priority, job_id, run_at, options)
SELECT id, type, payload::json, priority, job_id, coalesce(run_at, clock_timestamp() + delay_ms * interval '1 millisecond'), options::json
FROM ROWS FROM (json_to_recordset($1::json) AS ("id" uuid, "type" text, "payload" text, "priority" text, "jobId" text,
  "runAt" timestamptz, "delayMs" float8, "options" text)) WITH ORDINALITY
  AS job(id, type, payload, priority, job_id, run_at, delay_ms, options, place) ORDER BY place`;
}

function assertClient(client: unknown): void {
  if (typeof (client as { query?: unknown } | null | undefined)?.query === 'function') return;
  throw invalidOption(`client must have a method query(text, values), got ${excerptOf(client)}`);
}

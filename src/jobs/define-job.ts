import type { StandardSchemaV1 } from '@standard-schema/spec';
import type { ZodType } from 'zod';
import { invalidOption, type JobErrorInfo, ValidationError } from './errors.js';
import { beginningOf, excerptOf } from './excerpt.js';
import { toJobError } from './job-error.js';
import type { JobOptions, NewJob, NextJob } from './job-options.js';
import type { JobRecord } from './job-record.js';
import type { JobLimit } from './limit.js';
import { MAX_PROBLEM_LENGTH } from './limits.js';
import { assertFunction, assertOptions, type OptionNames } from './options.js';
import { checkedRun, RUN_DEFAULTS, type RunDefaults } from './run-defaults.js';
import { answersAtOnce, assertSchema, checkInTime, isZod, payloadInTime, type Schema } from './schema.js';
import { checkTagsOfType, type TagsOfType } from './tags.js';
import { checkKeptToOne, type DebounceOptions, type UniqueOptions } from './unique-options.js';
import { assertJobType } from './validation.js';
import type { JobPriority } from './vocabulary.js';

/** The types of a job. */
export interface JobTypes {
  /** What its producer gives. */
  input: unknown;
  /** What its handler gets. */
  payload: unknown;
  /** What its handler keeps between its runs. */
  checkpoint: unknown;
  /** What its handler emits while it runs. */
  chunk: unknown;
  /** What its handler returns, and the record keeps. */
  returned: unknown;
  /** What whoever waits for it gets. */
  result: unknown;
}

/** A job that has ended: `after` is given its record. The payload of one that FAILED may be anything: that may be why. */
export type EndedJob<Types extends JobTypes = JobTypes> =
  | (JobRecord & { status: 'completed'; payload: Types['input']; result: Types['returned'] })
  | (JobRecord & { status: 'failed'; error?: JobErrorInfo });

/** How a definition may be checked and run; each part is optional but for its type. */
export interface JobDefinitionOptions<
  P extends Schema,
  C extends Schema,
  R extends Schema,
  K extends Schema = Schema,
> extends RunDefaults {
  /** 1 to 64 of `[a-z0-9_]`, starting with a letter. */
  type: string;
  /** Checks each payload, when the job is added and before its handler sees it; of a job that follows from another, only then. Defaults to none. */
  payload?: P;
  /**
   * What is stored of a payload: what its producer `given` has, or what the schema has made of it, `parsed`, with its defaults
   * filled in. That takes a schema of zod which answers at once. Defaults to `given`.
   */
  stores?: 'given' | 'parsed';
  /** Keeps jobs of the type to one for each key, unless the call that adds one says otherwise. Defaults to none. */
  unique?: UniqueOptions<StandardSchemaV1.InferInput<P>> | undefined;
  /**
   * Tags of every job of this type: a list, or a pure function of the payload, for example `({ tenant }) => ['tenant:' + tenant]`.
   * They are added to those that are given with a job. Defaults to none.
   */
  tags?: TagsOfType<StandardSchemaV1.InferInput<P>>;
  /** Makes one job of many calls, unless the call says otherwise. Defaults to none. */
  debounce?: DebounceOptions<StandardSchemaV1.InferInput<P>> | undefined;
  /** Of what the handler keeps between its runs. For its types alone. */
  checkpoint?: C;
  /** Of what the handler emits while it runs. For its types alone. */
  chunk?: K;
  /** Checks the result when somebody waits for it. Defaults to none. */
  result?: R;
  /** See {@link RunDefaults.limits}; `key` is of the payload as its handler gets it. */
  limits?: readonly JobLimit<StandardSchemaV1.InferOutput<P>>[];
  /**
   * Which jobs follow when one has ended, however it ended: COMPLETED, exhausted, timed out or cancelled. They are written with
   * the end itself. A pure function of the record: whoever ends the job calls it, which may be another process, and once more
   * where the write is repeated. What it throws fails a job that would have completed. Defaults to none.
   */
  after?(job: EndedJob<TypesOf<P, C, R, K>>): readonly NextJob[] | undefined;
}

const OPTIONS: OptionNames<Required<JobDefinitionOptions<Schema, Schema, Schema>>> = {
  type: true,
  payload: true,
  stores: true,
  tags: true,
  checkpoint: true,
  chunk: true,
  result: true,
  after: true,
  unique: true,
  debounce: true,
  ...RUN_DEFAULTS,
};

/** What a caller may say about a job of a definition besides its payload. */
export type AddOptions = JobOptions & { priority?: JobPriority };

/** A job type as one value: its name, its types, and how it runs. Made by {@link defineJob}. */
export interface JobDefinition<Types extends JobTypes = JobTypes> extends RunDefaults {
  readonly type: string;
  readonly payload?: Schema<unknown, Types['payload']>;
  readonly stores?: 'given' | 'parsed';
  readonly tags?: TagsOfType<never>;
  readonly result?: Schema<unknown, Types['result']>;
  readonly unique?: UniqueOptions | undefined;
  readonly debounce?: DebounceOptions | undefined;
  after?(job: EndedJob<Types>): readonly NextJob[] | undefined;
  /** A job of this type, for `addJobs`. */
  of(payload: Types['input'], options?: AddOptions): NewJob;
  /** A job of this type that follows from another, for `complete`. */
  next(payload: Types['input'], options: Omit<NextJob, 'type' | 'payload'>): NextJob;
  /** There for the compiler alone. */
  readonly '~types'?: Types;
}

/** A record of a definition's job: its payload as its producer gave it, its result as its handler returned it. */
export type TypedRecord<Types extends JobTypes> = JobRecord & {
  payload: Types['input'];
  result?: Types['returned'];
};

type InputOf<S extends Schema> = StandardSchemaV1.InferInput<S>;
type OutputOf<S extends Schema> = StandardSchemaV1.InferOutput<S>;
type TypesOf<P extends Schema, C extends Schema, R extends Schema, K extends Schema = Schema> = {
  input: InputOf<P>;
  payload: OutputOf<P>;
  checkpoint: InputOf<C>;
  chunk: InputOf<K>;
  returned: InputOf<R>;
  result: OutputOf<R>;
};

/** Where a job that {@link JobDefinition.of} has made says whose it is. A copy takes it along, JSON does not. */
const DEFINITION: unique symbol = Symbol.for('jetfleet.definition');
type MadeJob = NewJob & { [DEFINITION]?: JobDefinition };

/**
 * Names a job type, with schemas for what goes in and comes out.
 *
 * @example const resize = defineJob({ type: 'resize', payload: z.object({ url: z.url(), width: z.number() }), result: z.string() })
 * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
 */
export function defineJob<
  P extends Schema = Schema,
  C extends Schema = Schema,
  R extends Schema = Schema,
  K extends Schema = Schema,
>(options: JobDefinitionOptions<P, C, R, K>): JobDefinition<TypesOf<P, C, R, K>> {
  assertOptions('defineJob', options, OPTIONS);
  const { type, payload, stores, checkpoint, chunk, result, after } = options;
  assertJobType(type);
  for (const [name, schema] of Object.entries({ payload, checkpoint, chunk, result }))
    if (schema !== undefined) assertSchema(`${name} of ${type}`, schema);
  checkTagsOfType(type, options.tags);
  if (after !== undefined) assertFunction(`after of ${type}`, after);
  if (stores !== undefined && stores !== 'given' && !(stores === 'parsed' && isZod(payload))) {
    throw invalidOption(
      `stores of ${type} must be given, or parsed with a payload schema of zod, got ${excerptOf(stores)}`,
    );
  }
  if (stores === 'parsed') answersAtOnce(payload as unknown as ZodType);
  checkedRun(type, options);
  checkKeptToOne(`${type}: `, options);
  const { checkpoint: _, chunk: __, ...rest } = options;
  const definition: JobDefinition<TypesOf<P, C, R, K>> = Object.freeze({
    ...(rest as Omit<JobDefinition<TypesOf<P, C, R, K>>, 'of' | 'next'>),
    of(value: InputOf<P>, more: AddOptions = {}): NewJob {
      const job: MadeJob = { ...more, type, payload: value, [DEFINITION]: definition as JobDefinition };
      return job;
    },
    next: (value: InputOf<P>, more: Omit<NextJob, 'type' | 'payload'>): NextJob => ({
      ...more,
      type,
      payload: value,
    }),
  });
  return definition;
}

/** The definition that a job was made by, or the job that it is a copy of. A copy of another type is nobody's. */
export function definitionOf(job: Pick<NewJob, 'type'> | undefined): JobDefinition | undefined {
  const { [DEFINITION]: definition, type } = Object(job) as MadeJob;
  return definition?.type === type ? definition : undefined;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function assertDefinition(value: unknown): asserts value is JobDefinition {
  const { type, of } = Object(value) as Partial<JobDefinition>;
  if (typeof type === 'string' && typeof of === 'function') return;
  throw invalidOption(`job must be made by defineJob, got ${excerptOf(value)}`);
}

/** @throws ValidationError `JETFLEET_PAYLOAD_*`, as a worker would refuse the payload `body`. One stored as parsed was checked. */
export async function assertPayloadOf(job: JobDefinition, body: string): Promise<void> {
  if (!job.payload || job.stores === 'parsed') return;
  await payloadInTime(job.type, job.payload, JSON.parse(body));
}

/** A result as the schema of its definition gives it. @throws ValidationError `JETFLEET_RESULT_INVALID` */
export async function checkedResult<Types extends JobTypes>(
  { type, result: schema }: JobDefinition<Types>,
  result: unknown,
): Promise<Types['result']> {
  if (schema === undefined) return result;
  let why: string;
  try {
    const checked = await checkInTime<Types['result']>(schema, result);
    if (!checked.issues) return checked.value;
    why = checked.issues.map(({ message }) => message).join('; ');
  } catch (error) {
    why = `its schema failed: ${toJobError(error).message}`;
  }
  throw new ValidationError(
    'JETFLEET_RESULT_INVALID',
    beginningOf(`the result of ${type} does not fit its definition: ${why}`, MAX_PROBLEM_LENGTH),
    { excerpt: excerptOf(result) },
  );
}

import type { StandardSchemaV1 } from '@standard-schema/spec';
import { atPlace, ValidationError } from './errors.js';
import { beginningOf, excerptOf } from './excerpt.js';
import { toJobError } from './job-error.js';
import type { JobOptions, NewJob, NextJob } from './job-options.js';
import type { JobRecord } from './job-record.js';
import { MAX_PROBLEM_LENGTH } from './limits.js';
import { assertOptions, type OptionNames } from './options.js';
import { defaultMaxAttempts } from './retry-policy.js';
import { checkedRun, RUN_DEFAULTS, type RunDefaults } from './run-defaults.js';
import { assertSchema, checkInTime, payloadInTime, type Schema } from './schema.js';
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
  /** What its handler returns, and the record keeps. */
  returned: unknown;
  /** What whoever waits for it gets. */
  result: unknown;
}

export interface JobDefinitionOptions extends RunDefaults {
  /** 1 to 64 of `[a-z0-9_]`, starting with a letter. */
  type: string;
  /** Checks each payload, when the job is added and before its handler sees it; of a job that follows from another, only then. Defaults to none. */
  payload?: Schema;
  /** Of what the handler keeps between its runs. For its types alone. */
  checkpoint?: Schema;
  /** Checks the result when somebody waits for it. Defaults to none. */
  result?: Schema;
}

const OPTIONS: OptionNames<Required<JobDefinitionOptions>> = {
  type: true,
  payload: true,
  checkpoint: true,
  result: true,
  ...RUN_DEFAULTS,
};

/** What a caller may say about a job of a definition besides its payload. */
export type AddOptions = JobOptions & { priority?: JobPriority };

/** A job type as one value: its name, its types, and how it runs. Made by {@link defineJob}. */
export interface JobDefinition<Types extends JobTypes = JobTypes> extends RunDefaults {
  readonly type: string;
  readonly payload?: Schema<unknown, Types['payload']>;
  readonly result?: Schema<unknown, Types['result']>;
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

type InputOf<S> = S extends Schema ? StandardSchemaV1.InferInput<S> : unknown;
type OutputOf<S> = S extends Schema ? StandardSchemaV1.InferOutput<S> : unknown;
type TypesOf<Options extends JobDefinitionOptions> = {
  input: InputOf<Options['payload']>;
  payload: OutputOf<Options['payload']>;
  checkpoint: InputOf<Options['checkpoint']>;
  returned: InputOf<Options['result']>;
  result: OutputOf<Options['result']>;
};

/** The compiler looks for unknown names where it infers nothing; here it infers the schemas. */
type NoOthers<Options> = { [Name in Exclude<keyof Options, keyof JobDefinitionOptions>]: never };

/** Where a job that {@link JobDefinition.of} has made says whose it is. Neither JSON nor a copy takes it along. */
const DEFINITION = Symbol.for('jetfleet.definition');

/**
 * Names a job type, with schemas for what goes in and comes out.
 *
 * @example const resize = defineJob({ type: 'resize', payload: z.object({ url: z.url(), width: z.number() }), result: z.string() })
 * @throws ValidationError `JETFLEET_TYPE_INVALID`, `JETFLEET_OPTION_INVALID`
 */
export function defineJob<const Options extends JobDefinitionOptions>(
  options: Options & NoOthers<Options>,
): JobDefinition<TypesOf<Options>> {
  assertOptions('defineJob', options as JobDefinitionOptions, OPTIONS);
  const { type, payload, checkpoint, result } = options;
  assertJobType(type);
  for (const [name, schema] of Object.entries({ payload, checkpoint, result }))
    if (schema !== undefined) assertSchema(`${name} of ${type}`, schema);
  checkedRun(type, options, defaultMaxAttempts(type));
  const { checkpoint: _, ...rest } = options;
  const definition = Object.freeze({
    ...rest,
    of(value: unknown, more: AddOptions = {}): NewJob {
      return Object.defineProperty({ ...more, type, payload: value }, DEFINITION, { value: definition });
    },
    next: (value: unknown, more: Omit<NextJob, 'type' | 'payload'>): NextJob => ({
      ...more,
      type,
      payload: value,
    }),
  }) as JobDefinition;
  return definition as JobDefinition<TypesOf<Options>>;
}

/** The definition that a job of `addJobs` was made by, if it was made by one. */
function definitionOf(job: NewJob | undefined): JobDefinition | undefined {
  return (job as (NewJob & { [DEFINITION]?: JobDefinition }) | null | undefined)?.[DEFINITION];
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function assertDefinition(value: unknown): asserts value is JobDefinition {
  const { type, of } = Object(value) as Partial<JobDefinition>;
  if (typeof type === 'string' && typeof of === 'function') return;
  throw new ValidationError(
    'JETFLEET_OPTION_INVALID',
    `job must be made by defineJob, got ${excerptOf(value)}`,
  );
}

/**
 * Checks a payload by the schema of its definition, before it is sent.
 * @param body the payload as JSON
 * @throws ValidationError `JETFLEET_PAYLOAD_*`, as a worker would refuse it
 */
export async function assertPayloadOf({ type, payload: schema }: JobDefinition, body: string): Promise<void> {
  if (schema === undefined) return;
  await payloadInTime(type, schema, JSON.parse(body));
}

/**
 * Checks those payloads of a list that a definition has made.
 * @param checked the same jobs, with their payloads as JSON
 * @throws ValidationError as {@link assertPayloadOf}, with the place of the first one that is wrong
 */
export async function checkDefined(
  jobs: readonly NewJob[],
  checked: readonly { body: string }[],
): Promise<void> {
  for (const [index, { body }] of checked.entries()) {
    const definition = definitionOf(jobs[index]);
    if (definition?.payload === undefined) continue;
    await assertPayloadOf(definition, body).catch((error) => {
      throw atPlace(error, `job ${index}`);
    });
  }
}

/**
 * A result as the schema of its definition gives it.
 * @throws ValidationError `JETFLEET_RESULT_INVALID`
 */
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

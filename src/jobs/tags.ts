/** Tags of jobs: by what people find them again. */
import { invalidOption, ValidationError } from './errors.js';
import { excerptOf } from './excerpt.js';
import { toJobError } from './job-error.js';
import { MAX_TAG_LENGTH, MAX_TAGS } from './limits.js';
import { assertFunction } from './options.js';

/** What a job type says of the tags of its jobs: always the same ones, or those of a payload. */
export type TagsOfType<P = unknown> = readonly string[] | ((payload: P) => readonly string[]);

/** No blank and no comma, which parts the tags of a header; no `~`, which stands for a dot in a subject. */
const TAG = /^[A-Za-z0-9][A-Za-z0-9_.:/@+#=-]*$/;

export function isTag(value: unknown): value is string {
  return typeof value === 'string' && value.length <= MAX_TAG_LENGTH && TAG.test(value);
}

/** @throws ValidationError `JETFLEET_TAG_INVALID`, also for too many of them */
export function checkTags(name: string, tags: unknown): asserts tags is readonly string[] | undefined {
  if (tags === undefined) return;
  if (!Array.isArray(tags)) throw tagFault(`${name} must be an array of texts, got ${excerptOf(tags)}`);
  if (tags.length > MAX_TAGS) throw tagFault(`${name} are ${tags.length}; a job has at most ${MAX_TAGS}`);
  for (const tag of tags) assertTag(tag);
}

/** @throws ValidationError `JETFLEET_TAG_INVALID` */
export function assertTag(tag: unknown): asserts tag is string {
  if (isTag(tag)) return;
  throw tagFault(
    `tag ${excerptOf(tag)} must be 1 to ${MAX_TAG_LENGTH} of A-Z a-z 0-9 _ . : / @ + # = -, beginning with a letter or digit`,
  );
}

/** @throws ValidationError `JETFLEET_TAG_INVALID`, `JETFLEET_OPTION_INVALID` for what is no list and no function */
export function checkTagsOfType(type: string, tags: unknown): void {
  if (tags === undefined) return;
  if (Array.isArray(tags)) checkTags(`tags of ${type}`, tags);
  else if (typeof tags !== 'function')
    throw invalidOption(
      `tags of ${type} must be an array or a function of the payload, got ${excerptOf(tags)}`,
    );
  else assertFunction(`tags of ${type}`, tags);
}

/**
 * The tags of a job: those that were given, and those of its type, each once.
 * @returns undefined for none
 * @throws ValidationError `JETFLEET_TAG_INVALID`, also where the function of the type fails
 */
export function tagsOfJob(
  { type, payload, tags: given }: { type: string; payload: unknown; tags?: readonly string[] | undefined },
  ofType: TagsOfType<never> | undefined,
): string[] | undefined {
  checkTags('tags', given);
  const own =
    typeof ofType === 'function' ? askedOf(type, payload, ofType as (payload: unknown) => unknown) : ofType;
  if (own === undefined && given === undefined) return undefined;
  const all = [...new Set([...(given ?? []), ...(own ?? [])])];
  checkTags('tags', all);
  return all.length > 0 ? all : undefined;
}

function askedOf(type: string, payload: unknown, ofType: (payload: unknown) => unknown): readonly string[] {
  let tags: unknown;
  try {
    tags = ofType(payload);
  } catch (error) {
    throw tagFault(`tags of ${type} failed for the payload: ${toJobError(error).message}`);
  }
  checkTags(`tags of ${type}`, tags ?? []);
  return (tags ?? []) as readonly string[];
}

function tagFault(why: string): ValidationError {
  return new ValidationError('JETFLEET_TAG_INVALID', why);
}

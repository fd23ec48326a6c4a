/** The subjects of the index of tags: `tags.<tag>.<type>.<job id>`, one small message for each tag of each job. */
import { isJobId } from '../jobs/job-id.js';
import { isTag } from '../jobs/tags.js';
import { isJobType } from '../jobs/vocabulary.js';
import type { Subjects } from './subjects.js';
import { type Any, part, token } from './token.js';

/** What an entry of the index says; a hint, which the record of the job confirms. */
export interface TagAddress {
  tag: string;
  type: string;
  id: string;
}

/** What the body of an entry says, so that a list need not read each job that it leaves out. An empty body says nothing. */
export interface TagEntry {
  /** Of a job that has ended; empty for one that has not. */
  status: string;
  /** All tags of the job. */
  tags: readonly string[];
}

/** Two lines: the status, and the tags parted by commas. */
export function encodeTagEntry({ status, tags }: TagEntry): string {
  return `${status}\n${tags.join(',')}`;
}

/** Undefined for a body that says nothing. */
export function decodeTagEntry(data: Uint8Array): TagEntry | undefined {
  const [status = '', tags] = Buffer.from(data).toString().split('\n');
  return tags === undefined ? undefined : { status, tags: tags.split(',') };
}

/** Every entry. */
export function tagFilters({ prefix }: Subjects): string[] {
  return [`${prefix}tags.*.*.*`];
}

export function tagSubject({ prefix }: Subjects, { tag, type, id }: TagAddress): string {
  return `${prefix}tags.${tagToken(tag)}.${token(type)}.${token(id)}`;
}

/** The entries of one tag, of one type or any. */
export function tagFilter({ prefix }: Subjects, tag: string, type: string | Any): string {
  return `${prefix}tags.${tagToken(tag)}.${part(type)}.*`;
}

/** The parts of such a subject, or undefined when it is none. */
export function parseTagSubject(subjects: Subjects, subject: string): TagAddress | undefined {
  const [root, spelled = '', type = '', id = '', ...rest] = subjects.tokensOf(subject);
  if (root !== 'tags' || rest.length > 0) return undefined;
  const tag = spelled.replaceAll('~', '.');
  return isTag(tag) && isJobType(type) && isJobId(id) ? { tag, type, id } : undefined;
}

/** A dot parts the tokens of a subject, so `~` stands for it. */
function tagToken(tag: string): string {
  return token(tag.replaceAll('.', '~'));
}

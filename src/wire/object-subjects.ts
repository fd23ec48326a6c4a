/** `objects.<job id>.<field>.<token>.<n>`: the parts of a payload or result that is too large for a message. */
import { isJobId } from '../jobs/job-id.js';
import type { Subjects } from './subjects.js';
import { ANY, type Any, part } from './token.js';

/** Bytes of one part; the last one has fewer. */
export const OBJECT_PART_BYTES = 256 * 1024;

/** @param name `<field>.<token>` */
export function objectSubject(subjects: Subjects, id: string, name: string, index: number | Any): string {
  const [field = '', token = ''] = name.split('.');
  const last = index === ANY ? '*' : index;
  return `${subjects.prefix}objects.${part(id)}.${part(field)}.${part(token)}.${last}`;
}

/** Everything of the stream. */
export function objectsFilter(subjects: Subjects): string {
  return `${subjects.prefix}objects.*.*.*.*`;
}

/** The first part of every object. */
export function firstParts(subjects: Subjects): string {
  return `${subjects.prefix}objects.*.*.*.0`;
}

/** Undefined for what is no part of an object of a job. */
export function parseObject(subjects: Subjects, subject: string): { id: string; name: string } | undefined {
  const [root, id = '', field, token, index, ...rest] = subjects.tokensOf(subject);
  if (root !== 'objects' || index === undefined || rest.length > 0 || !isJobId(id)) return undefined;
  return { id, name: `${field}.${token}` };
}

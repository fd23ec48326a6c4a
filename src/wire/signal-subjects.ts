/**
 * The subjects of SIGNALS: `signals.<job id>.<name>`, which anybody may publish who may signal jobs, and
 * `ends.<parent id>.<group>.<done|failed>.<child id>`, by which the worker that ends a child tells its parent.
 */
import { isJobId } from '../jobs/job-id.js';
import { isShortName } from '../jobs/short-name.js';
import type { Subjects } from './subjects.js';
import { type Any, part, token } from './token.js';

/** Signals of one name that a job can be sent in its life. The stream refuses more. */
export const MAX_SIGNALS_OF_A_NAME = 1_000;

export interface SignalAddress {
  jobId: string;
  name: string;
}

export interface EndAddress {
  parentId: string;
  group: string;
  status: 'done' | 'failed';
  childId: string;
}

/** Every signal. It is the filter of the consumer by which workers hear of them. */
export function signalFilter({ prefix }: Subjects): string {
  return `${prefix}signals.*.*`;
}

/** Every end of a child. */
export function endFilter({ prefix }: Subjects): string {
  return `${prefix}ends.*.*.*.*`;
}

export function signalSubject({ prefix }: Subjects, { jobId, name }: SignalAddress): string {
  return `${prefix}signals.${token(jobId)}.${token(name)}`;
}

/** The parts of such a subject, or undefined when no job can wait for it. */
export function parseSignal(subjects: Subjects, subject: string): SignalAddress | undefined {
  const [root, jobId = '', name = '', ...rest] = subjects.tokensOf(subject);
  const isWhole = root === 'signals' && rest.length === 0;
  return isWhole && isJobId(jobId) && isShortName(name) ? { jobId, name } : undefined;
}

/** The end of a child; each part but the parent's id may be {@link ANY}. */
export function endSubject(
  { prefix }: Subjects,
  { parentId, group, status, childId }: { [Part in keyof EndAddress]: EndAddress[Part] | Any },
): string {
  return `${prefix}ends.${part(parentId)}.${part(group)}.${part(status)}.${part(childId)}`;
}

export function parseEnd(subjects: Subjects, subject: string): EndAddress | undefined {
  const [root, parentId = '', group = '', status, childId = '', ...rest] = subjects.tokensOf(subject);
  if (root !== 'ends' || rest.length > 0 || (status !== 'done' && status !== 'failed')) return undefined;
  return isJobId(parentId) && isJobId(childId) ? { parentId, group, status, childId } : undefined;
}

/** Every list of children. */
export function childrenFilter({ prefix }: Subjects): string {
  return `${prefix}children.*.*`;
}

/** `children.<parent id>.<name>`: which children a parent has. */
export function childrenSubject({ prefix }: Subjects, parentId: string, name: string | Any): string {
  return `${prefix}children.${token(parentId)}.${part(name)}`;
}

/** The name of such a list. */
export function parseChildren(subjects: Subjects, subject: string): string | undefined {
  const [root, , name] = subjects.tokensOf(subject);
  return root === 'children' ? name : undefined;
}

/**
 * All that was stored for a job. A purge of it leaves alone what the consumer of signals has handed out of other jobs: neither
 * filter covers the other, each has a wildcard where the other has none (decision 29).
 */
export function allOfJob({ prefix }: Subjects, jobId: string): string {
  return `${prefix}*.${token(jobId)}.>`;
}

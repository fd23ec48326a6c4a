/** The subjects of LEDGER: what was rented, one message for each instance. */
import { namePart } from './provider-subjects.js';
import type { Subjects } from './subjects.js';
import { ANY, type Any, hashToken, part } from './token.js';

/** Most bytes of one message. */
export const MAX_LEDGER_BYTES = 64 * 1024;

/** `open`: it is still there, as far as is known. */
export type LedgerStatus = 'open' | 'ended';

export interface LedgerAddress {
  status: LedgerStatus | Any;
  provider: string | Any;
  /** As its provider alone knows it. */
  id: string | Any;
  /** The job that rented it; undefined where that is not known. */
  jobId: string | Any | undefined;
}

const NO_JOB = '~';
const PLAIN_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** `ledger.<status>.<provider>.<instance>.<job>` */
export function ledgerSubject(
  { prefix }: Pick<Subjects, 'prefix'>,
  { status, provider, id, jobId }: LedgerAddress,
): string {
  const instance = id === ANY ? '*' : PLAIN_ID.test(id) ? id : `~${hashToken(id)}`;
  const job = jobId === undefined ? NO_JOB : part(jobId);
  return `${prefix}ledger.${part(status)}.${namePart(provider)}.${instance}.${job}`;
}

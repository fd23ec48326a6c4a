import { createHmac, timingSafeEqual } from 'node:crypto';
import { invalidOption } from '../jobs/errors.js';

const MIN_SECRET_LENGTH = 16;

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a secret that can be guessed; it is not repeated */
export function assertCallbackSecret(secret: unknown): asserts secret is string {
  if (typeof secret === 'string' && secret.length >= MIN_SECRET_LENGTH) return;
  throw invalidOption(`the secret of callbacks must have ${MIN_SECRET_LENGTH} characters or more`);
}

/** What the address of a callback for a job ends with: who knows it may have this job look, and nothing else. */
export function callbackToken(secret: string, jobId: string): string {
  return createHmac('sha256', secret).update(`callback:${jobId}`).digest('base64url');
}

/** What the address ends with at which an instance asks for its lease. */
export function leaseToken(secret: string, jobId: string): string {
  return createHmac('sha256', secret).update(`lease:${jobId}`).digest('base64url');
}

export function isCallbackToken(secret: string, jobId: string, token: string): boolean {
  return isSame(callbackToken(secret, jobId), token);
}

export function isLeaseToken(secret: string, jobId: string, token: string): boolean {
  return isSame(leaseToken(secret, jobId), token);
}

function isSame(expected: string, token: string): boolean {
  const wanted = Buffer.from(expected);
  const given = Buffer.from(token);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}

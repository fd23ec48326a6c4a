/** The subjects of PROVIDERS: how the providers of instances fare, for all workers. */
import type { Subjects } from './subjects.js';
import { ANY, type Any, hashToken, part } from './token.js';

/** Most bytes of one message. */
export const MAX_PROVIDER_BYTES = 16 * 1024;

/** `providers.health.<provider>.<region>`: how a region fares, or, with the region `all`, what all regions share. */
export function providerHealthSubject(
  { prefix }: Pick<Subjects, 'prefix'>,
  provider: string | Any,
  region: string | Any,
): string {
  return `${prefix}providers.health.${namePart(provider)}.${namePart(region)}`;
}

/** `providers.offers.<provider>.<query>`: when jobs that wait for capacity have asked last, by the hash of what they wait for. */
export function offerPollSubject(
  { prefix }: Pick<Subjects, 'prefix'>,
  provider: string | Any,
  query: string | Any,
): string {
  return `${prefix}providers.offers.${namePart(provider)}.${query === ANY ? '*' : hashToken(query)}`;
}

const PLAIN = /^[A-Za-z0-9_-]{1,100}$/;

/** A name as one token: itself where it can be one, else what can be read of it with a hash. */
export function namePart(name: string | Any): string {
  if (name === ANY || PLAIN.test(name)) return part(name);
  return `${name.replaceAll(/[^A-Za-z0-9_-]/g, '_').slice(0, 60)}~${hashToken(name)}`;
}

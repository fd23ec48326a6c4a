/** To which providers the creates of a job were sent: only those may have an instance of its name. */
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { ProviderError } from '../gpu/provider-error.js';

/**
 * The providers that the checkpoint of a create job names; undefined where it was left by a version that did not note them, so
 * that any may have been asked.
 */
export function sentBefore(checkpoint: unknown): string[] | undefined {
  const { sentTo, productId } = (checkpoint ?? {}) as { sentTo?: unknown; productId?: unknown };
  if (Array.isArray(sentTo)) return sentTo.map(String);
  return productId === undefined ? [] : undefined;
}

/**
 * Where a create may have been sent, only the provider itself can say that it has rented nothing.
 * @throws ProviderError `transient` where the worker lacks one of them: another worker may have it
 */
export function assertProviders(sentTo: readonly string[], parts: readonly GpuProvider[]): void {
  const error = missingProvider(sentTo, parts);
  if (error) throw error;
}

function missingProvider(
  sentTo: readonly string[],
  parts: readonly GpuProvider[],
): ProviderError | undefined {
  const missing = sentTo.find((name) => !parts.some((part) => part.name === name));
  if (missing === undefined) return undefined;
  const known = parts.map(({ name }) => name).join(', ');
  return new ProviderError(
    'transient',
    `a create may have been sent to ${missing}, which this worker does not have, but ${known}; run a worker with ${missing}`,
  );
}

/**
 * Every instance of the name at every provider, and why some could not be asked that may have one. Others have rented nothing under
 * this name.
 * @param sentTo where creates of the name were sent; undefined where that is not known
 */
export async function lookUp(
  name: string,
  parts: readonly GpuProvider[],
  sentTo: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<{ found: Instance[]; failures: unknown[] }> {
  const asked = await Promise.allSettled(parts.map((part) => part.findByName(name, signal)));
  signal.throwIfAborted();
  const found = asked.flatMap((each) => (each.status === 'fulfilled' ? each.value : []));
  const isRejected = (each: PromiseSettledResult<Instance[]>) => each.status === 'rejected';
  const isUnknown = sentTo === undefined || asked.every(isRejected);
  const failures = asked.flatMap((each, at) => {
    const mayHaveIt = isUnknown || sentTo.includes(parts[at]?.name ?? '');
    return each.status === 'rejected' && mayHaveIt ? [each.reason as unknown] : [];
  });
  const missing = missingProvider(sentTo ?? [], parts);
  return { found, failures: missing ? [missing, ...failures] : failures };
}

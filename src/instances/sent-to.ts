/** To which providers the creates of a job were sent: only those may have an instance of its name. */
import type { GpuProvider } from '../gpu/provider.js';
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
export function assertProviders(sentTo: Iterable<string>, parts: readonly GpuProvider[]): void {
  for (const name of sentTo) {
    if (parts.some((part) => part.name === name)) continue;
    const known = parts.map((part) => part.name).join(', ');
    throw new ProviderError(
      'transient',
      `a create may have been sent to ${name}, which this worker does not have, but ${known}; run a worker with ${name}`,
    );
  }
}

/** The accounts that somebody who is no worker asks: each held to its contract, and with its name before the ids where there are several. */
import { checkedProvider } from '../gpu/checked-provider.js';
import { combinedProvider } from '../gpu/combined-provider.js';
import type { GpuProvider } from '../gpu/provider.js';
import { soleProvider } from '../gpu/sole-provider.js';
import { invalidOption } from '../jobs/errors.js';
import { assertObject } from '../jobs/options.js';

export interface Accounts {
  /** All of them as one. */
  provider: GpuProvider;
  parts: readonly GpuProvider[];
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for what is no provider, or none */
export function accountsOf(given: GpuProvider | readonly GpuProvider[] | undefined): Accounts {
  const providers = [given ?? []].flat() as GpuProvider[];
  if (providers.length === 0)
    throw invalidOption('provider must be the account, or the accounts, whose instances are compared');
  for (const each of providers) assertObject('provider', each);
  const checked = providers.map((each) => checkedProvider(each));
  const combined = checked.length > 1 ? combinedProvider(checked) : undefined;
  const provider = combined ?? soleProvider(checked[0] as GpuProvider);
  return { provider, parts: combined?.parts ?? [provider] };
}

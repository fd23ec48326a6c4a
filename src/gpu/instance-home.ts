/** How ids of instances name their provider: a worker that has several puts its name before each, one that has one alone does not. */
import { ProviderError } from './provider-error.js';

/** Between the name of a provider, which has none, and an id of its own. */
const MARK = ':';
/** The names that `defineProvider` takes. */
const QUALIFIED = /^([a-z][a-z0-9-]{0,31}):./;

export function qualifiedId(provider: string, id: string): string {
  return `${provider}${MARK}${id}`;
}

/** The id as its provider knows it, of one that may begin with the provider's name. */
export function ownId(provider: string, id: string): string {
  const start = qualifiedId(provider, '');
  return id.startsWith(start) && id.length > start.length ? id.slice(start.length) : id;
}

/** The provider that an id seems to name. Ids of a provider's own may look the same. */
export function homeOf(id: string): string | undefined {
  return QUALIFIED.exec(id)?.[1];
}

/**
 * Whether an id that a provider shows is the one that a record holds, whichever of them names the provider: providers may be
 * added to a worker, and removed, while an instance lives.
 * @param provider the name of the provider that shows it, where its ids do not begin with that
 */
export function isSameInstance(shown: string, recorded: string, provider: string): boolean {
  if (ownId(provider, shown) === ownId(provider, recorded)) return true;
  return shown.slice(shown.indexOf(MARK) + 1) === recorded;
}

/** Nobody who was asked for the instance is the one that the id names: that they do not know it proves nothing. */
export function unknownHome(id: string, known: readonly string[]): ProviderError {
  const why = `instance ${id} is of provider ${homeOf(id)}, which is not configured here, but ${known.join(', ')}`;
  return new ProviderError('transient', `${why}; run a worker with ${homeOf(id)}`);
}

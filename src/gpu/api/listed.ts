import { createHash } from 'node:crypto';
import type { Instance, Offer } from '../provider.js';
import { ProviderError } from '../provider-error.js';

/** An element of a provider's list; `instance` is undefined when not even its id can be read. */
export interface Listed {
  element: unknown;
  instance: Instance | undefined;
}

/**
 * The instances of exactly one name that are not terminated, oldest first. Ties, and instances without a time, are in the order
 * of their ids: every worker sees the same first one.
 * @throws ProviderError `transient` when the list has an element of this name that cannot be read
 */
export async function foundByName(
  provider: string,
  listed: AsyncIterable<Listed>,
  name: string,
): Promise<Instance[]> {
  const found: Instance[] = [];
  for await (const { element, instance } of listed) {
    if (instance?.name === name) found.push(instance);
    // What cannot be read is still paid for: under this name it must not pass for absent.
    else if (!instance && leavesOf(element).includes(name)) {
      throw new ProviderError('transient', `${provider} lists an instance ${name} that cannot be read`);
    }
  }
  return found
    .filter(({ status }) => status !== 'terminated')
    .sort((a, b) => compare(a.createdAt ?? '', b.createdAt ?? '') || compare(a.id, b.id));
}

/** The instances whose name begins so; what cannot be read is left out. */
export async function* startingWith(
  listed: AsyncIterable<Listed>,
  namePrefix = '',
): AsyncGenerator<Instance> {
  for await (const { instance } of listed) if (instance?.name.startsWith(namePrefix)) yield instance;
}

/** An element as an instance, undefined where it cannot be read. */
export type ReadElement = (element: unknown, observedAt: string) => Instance | undefined;

/** A list that is one answer. */
export async function* wholeList(
  answer: () => Promise<readonly unknown[]>,
  read: ReadElement,
): AsyncGenerator<Listed> {
  const elements = await answer();
  const observedAt = new Date().toISOString();
  for (const element of elements) yield { element, instance: read(element, observedAt) };
}

export interface PagedListOptions {
  /** In messages: `Novita`. */
  provider: string;
  /** A list that never ends is a fault of the provider. */
  maxPages: number;
  read: ReadElement;
  /** @param page from 1 */
  pageAt: (page: number) => Promise<{ elements: readonly unknown[]; total?: number | undefined }>;
  /**
   * Whether the page was the last one, by what it said and showed.
   * @param seen how many different elements all pages have shown
   */
  isLast: (isNew: boolean, seen: number) => boolean;
}

/**
 * Each element of a list once, page by page.
 * @throws ProviderError `transient` when less was shown than any page counted, as a total below what was shown by then counts something else; when the
 * list does not end
 */
export async function* pagedList(options: PagedListOptions): AsyncGenerator<Listed> {
  const { provider, maxPages, read, pageAt, isLast } = options;
  const seen = new Set<string>();
  let counted: number | undefined;
  for (let page = 1; page <= maxPages; page += 1) {
    const { elements, total } = await pageAt(page);
    const observedAt = new Date().toISOString();
    const before = seen.size;
    for (const element of elements) {
      const listed: Listed = { element, instance: read(element, observedAt) };
      const key = keyOf(listed);
      if (seen.has(key)) continue;
      seen.add(key);
      yield listed;
    }
    if (total !== undefined && total >= seen.size) counted = Math.min(counted ?? total, total);
    if (!isLast(seen.size > before, seen.size)) continue;
    if (seen.size >= (counted ?? 0)) return;
    throw new ProviderError(
      'transient',
      `${provider} listed ${seen.size} of ${counted} instances and no more`,
    );
  }
  throw new ProviderError('transient', `${provider}'s list of instances did not end after ${maxPages} pages`);
}

/** By what an element is known again on another page: its id, or what stands in it. */
function keyOf({ element, instance }: Listed): string {
  return instance?.id ?? createHash('sha256').update(leavesOf(element).join()).digest('hex');
}

/** Every text, number and key in a value of JSON, however deep it is nested: recursion would end at some depth. */
function leavesOf(value: unknown): string[] {
  const leaves: string[] = [];
  const rest: unknown[] = [value];
  while (rest.length > 0) {
    const next = rest.pop();
    if (typeof next !== 'object' || next === null) leaves.push(String(next));
    else for (const [key, inner] of Object.entries(next)) rest.push(key, inner);
  }
  return leaves;
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** For `catch`: what the provider itself does not know is null. */
export function nullWhenNotFound(error: unknown): null {
  if (error instanceof ProviderError && error.class === 'not_found') return null;
  throw error;
}

/** The order of offers: the cheapest first, and those of one price always in the same order. */
export function byPrice(a: Offer, b: Offer): number {
  return a.pricePerHour - b.pricePerHour || compare(a.productId, b.productId);
}

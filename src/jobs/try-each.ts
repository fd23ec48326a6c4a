/**
 * Works on each of a list, one after the other. One that fails keeps no other from its turn.
 * @throws what failed, once all have had their turn; an AggregateError for more than one
 */
export async function tryEach<T>(all: Iterable<T>, work: (each: T) => Promise<unknown>): Promise<void> {
  const failures: unknown[] = [];
  for (const each of all) {
    try {
      await work(each);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length === 0) return;
  if (failures.length === 1) throw failures[0];
  const reasons = failures.map((failure) => (failure instanceof Error ? failure.message : String(failure)));
  throw new AggregateError(failures, `${failures.length} failed: ${reasons.join('; ')}`);
}

/**
 * A package of `bench/peers`, which is resolved from this folder. `T` is what the benchmark uses of it, so that
 * the types hold in a checkout without it too.
 */
export async function importPeer<T>(name: string): Promise<T> {
  return (await import(name)) as T;
}

/** Opens every connection of a pool: each costs PostgreSQL a new process, which belongs to no job. */
export async function openAll(size: number, query: (sql: string) => Promise<unknown>): Promise<void> {
  // Long enough that none is free again before the last is asked for.
  await Promise.all(Array.from({ length: size }, () => query('select pg_sleep(0.5)')));
}

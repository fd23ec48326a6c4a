import type { Diagnosis } from './finding.js';

/** Most orphans that one notice names; the others are found again. */
const MAX_NEWS = 500;

/**
 * When each orphan was found first, by this worker or another one. An instance is deleted only when it has been
 * orphaned for a while: what is reported late, or read in a bad moment, has time to come right.
 */
export class ReportedOrphans {
  readonly #graceMs: number;
  /** By the id at the provider; milliseconds since the epoch. */
  readonly #since = new Map<string, number>();

  constructor(graceMs: number) {
    this.#graceMs = graceMs;
  }

  /** What another worker has found; it is deleted only when this one finds it too. */
  hear(orphans: readonly (readonly [id: string, sinceMs: number])[]): void {
    const now = Date.now();
    for (const [id, sinceMs] of orphans) {
      if (!this.#since.has(id)) this.#since.set(id, Math.min(sinceMs, now));
    }
  }

  /**
   * What one look has found.
   * @returns the orphans whose time is over, and those that nobody had reported before; the rest are forgotten
   */
  take(instances: readonly Diagnosis[]): { due: Diagnosis[]; news: [id: string, sinceMs: number][] } {
    const orphans = instances.filter(({ finding }) => finding.code === 'instance_orphaned');
    // Of instances that could not be listed nothing new is known.
    if (instances.some(({ finding }) => finding.code === 'provider_unreachable'))
      return { due: [], news: [] };
    const present = new Set(orphans.map(({ finding }) => finding.target));
    for (const id of this.#since.keys()) if (!present.has(id)) this.#since.delete(id);
    const now = Date.now();
    const known = orphans.filter(({ finding }) => this.#since.has(finding.target));
    const due = known.filter(
      ({ finding }) => now - (this.#since.get(finding.target) ?? now) >= this.#graceMs,
    );
    const news = [...present].filter((id) => !this.#since.has(id)).map((id): [string, number] => [id, now]);
    for (const [id, sinceMs] of news) this.#since.set(id, sinceMs);
    return { due, news: news.slice(0, MAX_NEWS) };
  }
}

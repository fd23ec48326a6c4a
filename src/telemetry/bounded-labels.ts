/** Values of one label that are told apart. */
const MAX_VALUES = 200;

/** The values of one label of metrics. Each is kept for good, and some are whatever somebody publishes: those beyond the first 200 are `other`. */
export class BoundedLabels {
  readonly #known = new Set<string>();

  of(value: string): string {
    if (this.#known.has(value)) return value;
    if (this.#known.size >= MAX_VALUES) return 'other';
    this.#known.add(value);
    return value;
  }
}

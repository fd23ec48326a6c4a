/** Beyond this many nothing more is kept: what a worker does not know, it reads. */
const MAX_KEPT = 1_000_000;

/** Which messages of one consumer this worker has acknowledged, as long as they may still be stored. */
export class SettledSequences {
  #seqs: number[] = [];

  get size(): number {
    return this.#seqs.length;
  }

  add(seq: number): void {
    if (this.#seqs.length < MAX_KEPT) this.#seqs.push(seq);
  }

  known(): ReadonlySet<number> {
    return new Set(this.#seqs);
  }

  /** Takes out the first `count`, in the order in which they were acknowledged. */
  shift(count: number): number[] {
    return this.#seqs.splice(0, count);
  }

  /** Those up to `last` are stored no more. */
  forget(last: number): void {
    this.#seqs = this.#seqs.filter((seq) => seq > last);
  }
}

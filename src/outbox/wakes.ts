/** Counts what may have news, so that none of it is missed between a look and the wait that follows it. */
export class Wakes {
  #count = 0;
  #onWake: (() => void) | undefined;

  get count(): number {
    return this.#count;
  }

  wake(): void {
    this.#count++;
    this.#onWake?.();
  }

  /** Waits until something has happened since `count`, for at most `ms`. */
  async after(count: number, ms: number): Promise<void> {
    if (this.#count !== count) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#onWake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#onWake = undefined;
  }
}

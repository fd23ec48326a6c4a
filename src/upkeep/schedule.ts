import { atMost } from '../jobs/deadline.js';

const DEFAULT_JITTER = 0.5;
const STOP_MS = 5_000;

/** A pause of another length in each process: the first can tell the others in time. `jitter` is how much longer, as a part of it. */
export function spread(ms: number, jitter = DEFAULT_JITTER): number {
  return ms * (1 + jitter * Math.random());
}

export interface ScheduleOptions {
  /** Rejects for what the next round may mend. */
  run: () => Promise<void>;
  pauseMs: () => number;
  /** How long others may put off the next round. Defaults to for ever. */
  mostMs?: () => number;
  onError: (error: unknown) => void;
}

/** Rounds of work that one process does for all, with pauses between them. They keep no process alive. */
export class Schedule {
  readonly #options: ScheduleOptions;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  /** When the next round must begin, whatever others say; by `performance.now()`. */
  #latestMs = Number.POSITIVE_INFINITY;
  #isStopped = false;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /**
   * Begins the rounds.
   * @param pauseMs before the first one; defaults to a pause like any other
   * @param mostMs how long others may put it off
   */
  start(pauseMs = this.#options.pauseMs(), mostMs = Number.POSITIVE_INFINITY): void {
    if (this.#timer) return;
    this.#latestMs = performance.now() + mostMs;
    this.#plan(pauseMs);
  }

  /** Another process says that it does the same now. Nobody can verify that, so it does not put off the next round for ever. */
  putOff(): void {
    if (this.#timer) this.#plan();
  }

  /** No round begins any more. Waits a few seconds for the one that runs, and then for `last`. */
  async stop(last: () => Promise<void> = async () => {}): Promise<void> {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    await atMost(STOP_MS, this.#running.then(last).catch(this.#options.onError));
  }

  #plan(pauseMs = this.#options.pauseMs()): void {
    clearTimeout(this.#timer);
    if (this.#isStopped) return;
    this.#timer = setTimeout(
      () => {
        this.#running = this.#running.then(() => this.#round());
      },
      Math.max(0, Math.min(pauseMs, this.#latestMs - performance.now())),
    );
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    if (this.#isStopped) return;
    const { run, mostMs = () => Number.POSITIVE_INFINITY, onError } = this.#options;
    // First of all: this process hears what it says itself.
    this.#latestMs = performance.now() + mostMs();
    await run().catch(onError);
    this.#plan();
  }
}

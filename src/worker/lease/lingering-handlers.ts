import type { Logger } from '../../telemetry/logger.js';
import type { AbandonedHandler } from '../../wire/inspection.js';

/** A handler that goes on although its signal has fired. */
export interface LingeringHandler {
  id: string;
  type: string;
  attempt: number;
  /** When its signal fired, ISO 8601 by the broker's clock. */
  signalledAt: string;
  /** Resolves or rejects when the handler ends. */
  ended: Promise<unknown>;
  /** How long it may keep its slot from now on, in milliseconds. */
  abandonAfterMs: number;
  /** Gives its slot away; called once. */
  freeSlot: () => void;
  logger: Logger;
}

interface Entry extends LingeringHandler {
  timer: NodeJS.Timeout;
  isAbandoned: boolean;
}

/**
 * Handlers that were told to stop and have not ended. Each keeps its slot until it ends, so that no more of them run than
 * there are slots, and is abandoned after a while: its slot is given away, and it is reported until it ends.
 */
export class LingeringHandlers {
  readonly #entries = new Set<Entry>();
  #abandonedCount = 0;

  /** How many were abandoned so far, those that have ended since included. */
  get abandonedCount(): number {
    return this.#abandonedCount;
  }

  /** Those that are abandoned and run still, the oldest first. */
  get abandoned(): AbandonedHandler[] {
    return [...this.#entries]
      .filter(({ isAbandoned }) => isAbandoned)
      .map(({ id, type, attempt, signalledAt }) => ({ id, type, attempt, signalledAt }));
  }

  add(handler: LingeringHandler): void {
    const entry: Entry = {
      ...handler,
      timer: setTimeout(() => this.#abandon(entry), handler.abandonAfterMs),
      isAbandoned: false,
    };
    this.#entries.add(entry);
    const onEnd = () => this.#end(entry);
    handler.ended.then(onEnd, onEnd);
  }

  /** Gives all slots away now, as when the worker's time is up. */
  abandonAll(): void {
    for (const entry of this.#entries) if (!entry.isAbandoned) this.#abandon(entry);
  }

  #abandon(entry: Entry): void {
    clearTimeout(entry.timer);
    entry.isAbandoned = true;
    this.#abandonedCount++;
    const { signalledAt, logger } = entry;
    logger.error({ signalledAt }, 'the handler did not stop when its signal fired; abandoning it');
    entry.freeSlot();
  }

  #end(entry: Entry): void {
    clearTimeout(entry.timer);
    this.#entries.delete(entry);
    if (entry.isAbandoned) entry.logger.info('the abandoned handler has ended');
    else entry.freeSlot();
  }
}

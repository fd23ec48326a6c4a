import type { Logger } from '../../telemetry/logger.js';
import type { AbandonedHandler } from '../../wire/inspection.js';

/** A handler that goes on although its signal has fired. */
interface LingeringHandler extends AbandonedHandler {
  ended: Promise<unknown>;
  /** How long it may keep its slot from now on, in milliseconds. */
  abandonAfterMs: number;
  freeSlot: () => void;
  logger: Logger;
}

interface Entry extends LingeringHandler {
  timer: NodeJS.Timeout;
  isAbandoned: boolean;
}

/** Handlers that were told to stop and have not ended. Each keeps its slot until it ends, or is abandoned after a while. */
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

  add(
    { id, type, attempt }: Pick<AbandonedHandler, 'id' | 'type' | 'attempt'>,
    handler: Omit<LingeringHandler, 'id' | 'type' | 'attempt'>,
  ): void {
    const entry: Entry = {
      id,
      type,
      attempt,
      ...handler,
      timer: setTimeout(() => this.#abandon(entry), handler.abandonAfterMs),
      isAbandoned: false,
    };
    this.#entries.add(entry);
    const onEnd = () => this.#end(entry);
    handler.ended.then(onEnd, onEnd);
  }

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

/** How far a delivery has come. Told by calls: a promise for each step is most of what a short job costs. */
export interface DeliveryProgress {
  /** No handler runs for it any more, or it was abandoned: another job may have the slot. May come after `settled`. */
  handled(): void;
  /** All is written, and the message is acknowledged, handed back or lost. Called once. */
  settled(): void;
}

/** Ends a delivery for which no handler has begun. */
export function endUnhandled(progress: DeliveryProgress): void {
  progress.handled();
  progress.settled();
}

/** How far a delivery has come. Told by calls: a promise for each step is most of what a short job costs. */
export interface DeliveryProgress {
  /** The handler has ended, and only its outcome is left to write: another job may have the slot meanwhile. */
  handled(): void;
  /** All is written, and the message is acknowledged, handed back or lost. Called once. */
  settled(): void;
}

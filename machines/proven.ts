/** What reads have proven of an instance, as a chart leaves it on the record of its job: what the instance costs follows from that. */
export interface Proven {
  /** `deleted`: by the job itself; `watchdog`: by its own watchdog, as its lease was over; `gone`: by somebody else. */
  is: 'running' | 'stopped' | 'gone' | 'deleted' | 'watchdog';
  /** ISO time since when. */
  since: string;
  /** Its provider has taken it back. */
  isInterrupted?: boolean;
}

/** What a run of any of these charts may leave. */
export interface ProvenCheckpoint {
  proven?: Proven;
}

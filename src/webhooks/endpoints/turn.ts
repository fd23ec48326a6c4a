/** A webhook in the order of `key`. */
export interface Turn {
  endpoint: string;
  key: string;
  jobId: string;
  /** The lower comes first. */
  sequence: number;
  /** The sequence of the event that it is about, where one is passed on: turns of those before it may still be taken. */
  event?: number;
}

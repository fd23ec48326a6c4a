/** A signal that a job waits for: one of the name that is stored after the sequence `after`. */
export interface AwaitedSignal {
  name: string;
  after: number;
}

/** Children that a job waits for: all of a group, or, with `failFast`, the first of them that fails. */
export interface AwaitedGroup {
  id: string;
  of: number;
  failFast?: true;
}

/** What wakes a waiting job before it is due. */
export interface WaitsFor {
  signals?: AwaitedSignal[];
  groups?: AwaitedGroup[];
}

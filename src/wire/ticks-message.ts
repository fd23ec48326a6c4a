/** What became of the last ticks of a schedule, as a message of TIMERS. Workers write it, each fenced by the one before. */

/** A tick that a worker has decided about. */
export interface TickNote {
  /** The job, its message in the work stream, and when that was stored. */
  id: string;
  seq: number;
  storedMs: number;
  /** When the schedule fires next after this tick, as the server said with it. */
  nextMs?: number;
  outcome: 'run' | 'skip';
}

/** A run of a schedule: its job, and its message in the work stream. */
export interface TickRun {
  id: string;
  seq: number;
}

export interface TicksRecord {
  v: 1;
  /** The last ones, newest first. */
  ticks: TickNote[];
  /** The last run, and when a worker took its tick. */
  last?: TickRun & { atMs: number };
  lastSkip?: { atMs: number; reason: string };
  /**
   * What the last run cancels: the runs before it that had not ended. Whoever meets the tick again does it again; the next run cancels
   * what is left of it.
   */
  cancels?: TickRun[];
  runs: number;
  skips: number;
}

const decoder = new TextDecoder();

export const NO_TICKS: TicksRecord = { v: 1, ticks: [], runs: 0, skips: 0 };

export function encodeTicks(record: TicksRecord): string {
  return JSON.stringify(record);
}

/** What cannot be read counts as nothing: it decides about no tick. */
export function decodeTicks(data: Uint8Array | undefined): TicksRecord {
  if (!data) return NO_TICKS;
  try {
    const value = JSON.parse(decoder.decode(data)) as TicksRecord;
    const isWhole =
      value.v === 1 &&
      Array.isArray(value.ticks) &&
      Number.isInteger(value.runs) &&
      Number.isInteger(value.skips);
    return isWhole ? value : NO_TICKS;
  } catch {
    return NO_TICKS;
  }
}

/** What becomes of a tick of a recurring schedule, given what became of those before it. Pure: the whole policy stands here. */
import type { Overlap } from '../../jobs/schedule.js';
import type { TickNote, TickRun, TicksRecord } from '../../wire/ticks-message.js';

/** Notes that are kept of the ticks of a schedule; a tick that is delivered again finds its own. */
const MAX_NOTES = 16;
/** The server rounds to a second, and fires a little late. */
const MAX_TOLERANCE_MS = 2_000;

export interface TickInput {
  /** The tick as it would be noted. */
  tick: Omit<TickNote, 'outcome'>;
  /** The schedule as it is now. */
  schedule: {
    overlap: Overlap;
    /** Of an interval; absent of a cron expression. */
    everyMs?: number;
    untilMs?: number;
    changedMs: number;
  };
  /** The last run and those that it cancels, as far as they have not ended, oldest first. */
  active: readonly TickRun[];
  record: TicksRecord;
  nowMs: number;
}

export type TickDecision =
  /** It was decided before, and its message came again. */
  | { kind: 'known'; outcome: TickNote['outcome'] }
  /** The server fired once more what it had fired: it is no tick of its own. */
  | { kind: 'repeated'; of: string }
  | { kind: 'run'; record: TicksRecord }
  | { kind: 'skip'; record: TicksRecord; reason: string };

export function decideTick(input: TickInput): TickDecision {
  const { tick, record } = input;
  const own = record.ticks.find(({ id, storedMs }) => id === tick.id && storedMs === tick.storedMs);
  if (own) return { kind: 'known', outcome: own.outcome };
  const twin = record.ticks.find((note) => isSameTick(note, input));
  if (twin) return { kind: 'repeated', of: twin.id };
  const reason = reasonToSkip(input);
  return reason === undefined ? { kind: 'run', record: withRun(input) } : skipped(input, reason);
}

/** Each tick says when the next one is due. Two that say the same are one: a server that was killed fires its last one again. */
function isSameTick(note: TickNote, { tick, schedule }: TickInput): boolean {
  if (note.nextMs === undefined || tick.nextMs === undefined) return false;
  // After a change in between, the schedule may well have another tick before the same next one.
  if (schedule.changedMs > note.storedMs && schedule.changedMs <= tick.storedMs) return false;
  const apartMs = Math.abs(note.nextMs - tick.nextMs);
  if (schedule.everyMs === undefined) return apartMs === 0;
  // An interval that begins anew after a kill is as long as before, so two of its ticks are never closer.
  return apartMs < schedule.everyMs - Math.min(MAX_TOLERANCE_MS, schedule.everyMs / 2);
}

function reasonToSkip({ tick, schedule, active, record }: TickInput): string | undefined {
  const { overlap, untilMs } = schedule;
  const { last } = record;
  if (tick.nextMs !== undefined && untilMs !== undefined && tick.storedMs >= untilMs)
    return `the schedule has ended at ${new Date(untilMs).toISOString()}`;
  if (overlap === 'allow' || !last) return undefined;
  if (last.atMs > tick.storedMs) return `job ${last.id} of the same schedule began after this tick was due`;
  if (overlap === 'skip' && active.some(({ id }) => id === last.id))
    return `job ${last.id} of the same schedule has not ended`;
  return undefined;
}

function withRun({ tick, schedule, active, record, nowMs }: TickInput): TicksRecord {
  const { cancels: _, ...kept } = record;
  const isCancelling = active.length > 0 && schedule.overlap === 'cancel';
  return {
    ...kept,
    ticks: [{ ...tick, outcome: 'run' as const }, ...record.ticks].slice(0, MAX_NOTES),
    last: { id: tick.id, seq: tick.seq, atMs: nowMs },
    runs: record.runs + 1,
    ...(isCancelling && { cancels: active.map(({ id, seq }) => ({ id, seq })) }),
  };
}

function skipped({ tick, record, nowMs }: TickInput, reason: string): TickDecision {
  return {
    kind: 'skip',
    reason,
    record: {
      ...record,
      ticks: [{ ...tick, outcome: 'skip' as const }, ...record.ticks].slice(0, MAX_NOTES),
      lastSkip: { atMs: nowMs, reason },
      skips: record.skips + 1,
    },
  };
}

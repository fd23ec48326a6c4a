/** Every tick of a schedule once or, by its policy, skipped; and no two runs at once where the policy says so. */
import type { TickNote } from '../../src/wire/ticks-message.js';
import type { Evidence, StoredRecord } from './evidence.js';
import type { Violation } from './invariants.js';
import type { PlannedSchedule } from './plan.js';

/** What became of a schedule while it fired, by the notes of its ticks before it was removed. */
export interface ScheduleSeen {
  name: string;
  /** Between these it was set, and fired; ms since the epoch. */
  fromMs: number;
  toMs: number;
  ticks: readonly TickNote[];
}

/** When the server was away. */
export interface Outage {
  fromMs: number;
  untilMs: number;
}

/** A tick so close to a change or a fault may belong to either side. */
const MARGIN_MS = 700;
/** A worker makes up for the last missed tick within this time, unless the next one comes first. */
const MADE_UP_WITHIN_MS = 8_000;
const SKIPPED = 'JETFLEET_TICK_SKIPPED';

export function scheduleViolations(evidence: Evidence): Violation[] {
  return evidence.schedules.flatMap((seen) => {
    const planned = evidence.plan.schedules.find(({ name }) => name === seen.name) as PlannedSchedule;
    const jobs = [...evidence.histories.values()].filter(([first]) => first?.scheduledBy === seen.name);
    return [
      ...missing(planned, seen, evidence.outages),
      ...twice(seen, jobs),
      ...undecided(seen, jobs),
      ...(planned.overlap === 'allow' ? [] : overlapping(jobs)),
    ];
  });
}

/** When the tick was due: the server says with it when the next one is. */
function dueOf({ nextMs = 0 }: TickNote, { periodMs }: PlannedSchedule): number {
  return nextMs - periodMs;
}

function missing(planned: PlannedSchedule, seen: ScheduleSeen, outages: readonly Outage[]): Violation[] {
  const { periodMs, name } = planned;
  const decided = new Set(seen.ticks.map((note) => dueOf(note, planned)));
  const found: Violation[] = [];
  const first = Math.ceil((seen.fromMs + MARGIN_MS) / periodMs) * periodMs;
  for (let dueMs = first; dueMs < seen.toMs - MARGIN_MS; dueMs += periodMs) {
    if (decided.has(dueMs) || !isRequired(dueMs, periodMs, seen.toMs, outages)) continue;
    const detail = `due at ${new Date(dueMs).toISOString()}, of ${[...decided].map((ms) => new Date(ms).toISOString())}`;
    found.push({ kind: 'tick-missing', about: name, detail });
  }
  return found;
}

/** Of the ticks that are due while the server is away the last one runs. */
function isRequired(dueMs: number, periodMs: number, toMs: number, outages: readonly Outage[]): boolean {
  const outage = outages.find(
    ({ fromMs, untilMs }) => dueMs > fromMs - MARGIN_MS && dueMs < untilMs + MARGIN_MS,
  );
  if (!outage) return true;
  const byMs = outage.untilMs + MADE_UP_WITHIN_MS;
  const isAlone = outages.every(
    (other) => other === outage || other.untilMs < dueMs - periodMs || other.fromMs > byMs,
  );
  return isAlone && dueMs + periodMs > byMs && toMs > byMs;
}

function twice({ name, ticks }: ScheduleSeen, jobs: readonly (readonly StoredRecord[])[]): Violation[] {
  const noted = ticks.flatMap(({ nextMs }, at) =>
    ticks.slice(at + 1).some((other) => other.nextMs === nextMs) ? [`${nextMs}`] : [],
  );
  const known = new Set(ticks.map(({ id }) => id));
  const oldest = Math.min(...ticks.map(({ storedMs }) => storedMs));
  // What was decided after the schedule was removed has no note, and what is no tick has none.
  const extra = jobs.filter((history) => {
    const [job] = history;
    if (history.at(-1)?.error?.code === SKIPPED) return false;
    const createdMs = Date.parse(job?.createdAt ?? '');
    return (
      createdMs >= oldest &&
      createdMs < Math.max(...ticks.map(({ storedMs }) => storedMs)) &&
      !known.has(job?.id ?? '')
    );
  });
  return [
    ...noted.map((detail): Violation => ({ kind: 'tick-twice', about: name, detail })),
    ...extra.map(
      ([job]): Violation => ({ kind: 'tick-twice', about: name, detail: `${job?.id} has no note` }),
    ),
  ];
}

/** Each note is what its job became. */
function undecided({ name, ticks }: ScheduleSeen, jobs: readonly (readonly StoredRecord[])[]): Violation[] {
  const byId = new Map(jobs.map((history) => [history[0]?.id, history]));
  return ticks.flatMap(({ id, outcome }): Violation[] => {
    const last = byId.get(id)?.at(-1);
    const isSkipped = last?.error?.code === SKIPPED;
    if (last && isSkipped === (outcome === 'skip')) return [];
    return [{ kind: 'tick-missing', about: name, detail: `${id} was to ${outcome}, and is ${last?.state}` }];
  });
}

function overlapping(jobs: readonly (readonly StoredRecord[])[]): Violation[] {
  const runs = jobs
    .filter((history) => history.some(({ attempt }) => attempt > 0))
    .map((history) => ({
      id: history[0]?.id ?? '',
      states: history.map(({ state, storedAtMs }) => `${state} ${new Date(storedAtMs).toISOString()}`),
      fromMs: history[0]?.storedAtMs ?? 0,
      untilMs:
        history.find(({ finishedAt }) => finishedAt !== undefined)?.storedAtMs ?? Number.POSITIVE_INFINITY,
    }))
    .sort((a, b) => a.fromMs - b.fromMs);
  return runs.slice(1).flatMap((run, at): Violation[] => {
    const before = runs[at];
    if (!before || before.untilMs <= run.fromMs) return [];
    const detail = `${run.states} began before ${before.id} had ended: ${before.states}`;
    return [{ kind: 'tick-overlap', about: run.id, detail }];
  });
}

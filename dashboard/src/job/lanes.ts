/** The life of a job as bars over one time axis, in lanes: what it was doing, its machines, and the jobs that followed. */
import type { FamilyJob } from '../../../src/jobs/family.js';
import { statusOf } from '../../../src/jobs/vocabulary.js';
import { pathOfJob } from '../family/family.js';
import { spoken } from '../ui/format.js';
import type { Stage } from './stages.js';
import type { ToldStep } from './steps.js';

export interface Bar {
  key: string;
  /** Ms since the epoch. The end is open while it goes on. */
  from: number;
  to: number | undefined;
  /** A class with a colour. */
  tone: string;
  /** What it is, without its times. */
  words: string;
  /** What stands on it where there is room. */
  label?: string;
}

export interface Lane {
  key: string;
  name: string;
  /** Shown on hover in place of the name. */
  about?: string;
  /** Where the name and the bars lead to. */
  to?: string;
  /** What belongs to it stands below it. */
  isWithin?: boolean;
  bars: Bar[];
}

/** Bars of one lane; the browser draws no more in time. */
const MAX_BARS = 300;
/** States of one machine that have a lane of their own. */
const MAX_STATES = 24;

/** Jobs that followed, and webhooks. */
const MAX_FOLLOWING = 40;

/** What a state of a job is called as a lane. */
const NAMES: Readonly<Record<string, string>> = {
  'pending.queued': 'In the queue',
  'pending.scheduled': 'Scheduled',
  'pending.retrying': 'Waits to retry',
  'processing.running': 'Runs',
  'processing.waiting': 'Sleeps',
};

/** The lanes of the job itself, in the order in which it came to them, and below the last run those of its machines. */
export function lanesOfJob(stages: readonly Stage[], steps: readonly ToldStep[]): Lane[] {
  const lanes = new Map<string, Lane>();
  for (const [index, stage] of stages.entries()) {
    const name = NAMES[stage.path];
    const path = name === undefined ? 'end' : stage.path;
    const lane = lanes.get(path) ?? { key: path, name: name ?? 'Ends', bars: [] };
    lanes.set(path, lane);
    lane.bars.push(barOfStage(stages, index));
  }
  const all = [...lanes.values()];
  const run = all.findIndex(({ key }) => key === 'processing.running');
  const runs = [...claimLane(stages), ...all.slice(run, run + 1), ...lanesOfMachines(steps, stages)];
  return run < 0 ? all.map(bounded) : [...all.slice(0, run), ...runs, ...all.slice(run + 1)].map(bounded);
}

/** From the begin of each attempt until its claim was stored, which is later for an early claim. A short job writes none. */
function claimLane(stages: readonly Stage[]): Lane[] {
  const bars = stages.flatMap(({ key, path, at, storedAt, record }, index): Bar[] => {
    if (path !== 'processing.running' || storedAt === undefined) return [];
    const from = Date.parse(at);
    // The next record of the job is written after its claim, whatever the clocks say.
    const next = Date.parse(stages[index + 1]?.at ?? '');
    const stored = Math.max(from, Date.parse(storedAt));
    const to = next >= from ? Math.min(stored, next) : stored;
    const words = [`claim of attempt ${record.attempt}`, record.worker && `by ${record.worker}`];
    return [{ key: `claim-${key}`, from, to, tone: 'claim', words: words.filter(Boolean).join(' ') }];
  });
  return bars.length > 0 ? [{ key: 'claim', name: 'Claim', bars }] : [];
}

function barOfStage(stages: readonly Stage[], index: number): Bar {
  const { key, path, at, record } = stages[index] as Stage;
  const next = stages[index + 1];
  const [status = '', state = status] = path.split('.');
  const isEnd = status === 'completed' || status === 'failed';
  const from = Date.parse(at);
  const isRun = path === 'processing.running';
  const words = isRun
    ? [`attempt ${record.attempt}`, record.worker && `claimed by ${record.worker}`, next && leadsTo(next)]
    : [spoken(state), record.error?.message];
  return {
    key,
    from,
    to: next ? Date.parse(next.at) : isEnd ? from : undefined,
    tone: toneOf(stages[index] as Stage, next),
    words: words.filter(Boolean).join(' · '),
    ...(isRun && { label: `attempt ${record.attempt}` }),
  };
}

/** A run has the colour of what it led to, where that is not well. */
function toneOf({ path }: Stage, next: Stage | undefined): string {
  const [status = ''] = path.split('.');
  if (path === 'failed.cancelled') return 'cancelled';
  if (path !== 'processing.running' || !next) return status;
  return next.path === 'failed.cancelled' ? 'cancelled' : isFailure(next) ? 'failed' : status;
}

function leadsTo({ path, record }: Stage): string {
  const state = spoken(path.split('.').at(-1) ?? '');
  return isFailure({ path }) && record.error ? `${state}: ${record.error.code}` : state;
}

function isFailure({ path }: Pick<Stage, 'path'>): boolean {
  return path === 'pending.retrying' || (path.startsWith('failed') && path !== 'failed.cancelled');
}

/** How long each machine but that of the job itself was in each of its states. */
function lanesOfMachines(steps: readonly ToldStep[], stages: readonly Stage[]): Lane[] {
  const lanes = new Map<string, Lane>();
  /** The bars of the states that a machine is in. */
  const open = new Map<string, Map<string, Bar>>();
  for (const { machine, active, at, index, status, attempt } of steps) {
    if (machine === undefined || machine === 'job' || active === undefined) continue;
    const now = Date.parse(at);
    const before = open.get(machine) ?? new Map<string, Bar>();
    const after = new Map<string, Bar>();
    for (const state of active) {
      const known = before.get(state);
      const bar = known ?? {
        key: `${index}-${state}`,
        from: now,
        to: undefined,
        tone: 'inner',
        words: `${machine}: ${state} · attempt ${attempt}`,
      };
      after.set(state, bar);
      if (!known) laneOf(lanes, machine, state).bars.push(bar);
    }
    for (const [state, bar] of before) if (!after.has(state)) bar.to = now;
    const isOver = status !== undefined && status !== 'active';
    if (isOver) for (const bar of after.values()) bar.to = now;
    open.set(machine, isOver ? new Map() : after);
  }
  const endOfRun =
    stages.at(-1)?.path === 'processing.running' ? undefined : Date.parse(stages.at(-1)?.at ?? '');
  // A machine whose last steps were not heard was over with its run.
  for (const bars of open.values()) for (const bar of bars.values()) bar.to ??= endOfRun;
  return [...lanes.values()];
}

function laneOf(lanes: Map<string, Lane>, machine: string, state: string): Lane {
  const isFull = [...lanes.keys()].filter((key) => key.startsWith(`${machine}/`)).length >= MAX_STATES;
  const key = isFull && !lanes.has(`${machine}/${state}`) ? `${machine}/…` : `${machine}/${state}`;
  const lane = lanes.get(key) ?? {
    key,
    name: key.endsWith('/…') ? 'other states' : state,
    isWithin: true,
    bars: [],
  };
  lanes.set(key, lane);
  return lane;
}

/** One lane for each job that belongs to a job or followed from it, and each webhook; and how many have none. */
export function lanesOfFollowing(
  descendants: readonly FamilyJob[],
  root: string,
): { lanes: Lane[]; hidden: number } {
  const shown = descendants.slice(0, MAX_FOLLOWING);
  return { lanes: shown.map((job) => laneOfJob(job, root)), hidden: descendants.length - shown.length };
}

function laneOfJob(job: FamilyJob, root: string): Lane {
  const { id, type, createdAt, startedAt, finishedAt, state, error } = job;
  const status = statusOf(state);
  const [created, started] = [Date.parse(createdAt), Date.parse(startedAt ?? finishedAt ?? '')];
  const isOver = finishedAt !== undefined;
  const wait: Bar = {
    key: 'wait',
    from: created,
    to: Number.isNaN(started) ? undefined : started,
    tone: 'pending',
    words: `${type}: waits`,
  };
  const run: Bar = {
    key: 'run',
    from: started,
    to: isOver ? Date.parse(finishedAt) : undefined,
    tone: state === 'cancelled' ? 'cancelled' : status,
    words: [`${type}: ${spoken(state)}`, error?.message].filter(Boolean).join(' · '),
    label: type,
  };
  const bars = Number.isNaN(started) ? [wait] : [wait, run];
  // Most ids begin like that of the job that they came of.
  const name = id.startsWith(`${root}-`) ? id.slice(root.length + 1) : id;
  return { key: id, name, about: id, to: pathOfJob(job), bars };
}

function bounded(lane: Lane): Lane {
  return lane.bars.length <= MAX_BARS ? lane : { ...lane, bars: lane.bars.slice(-MAX_BARS) };
}

export interface Span {
  from: number;
  to: number;
}

/** From the first begin to the last end; what goes on ends now. */
export function spanOf(lanes: readonly Lane[], now: number): Span | undefined {
  const bars = lanes.flatMap((lane) => lane.bars);
  if (bars.length === 0) return undefined;
  const from = Math.min(...bars.map((bar) => bar.from));
  const to = Math.max(...bars.map((bar) => bar.to ?? now));
  // A moment has to have some width.
  return { from, to: Math.max(to, from + 1) };
}

/** Which jobs meet which faults. Each scenario is one kind of trouble; `mixed` draws several. */
import { instanceNameStem } from '../../src/gpu/index.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import { FAILPOINTS } from '../../src/worker/worker-services.js';
import { fleet, fleetOrders } from './fleet-scenario.js';
import { limits } from './limit-scenario.js';
import { outbox } from './outbox-scenario.js';
import {
  ACK_WAIT_MS,
  LONG_ACK_WAIT_MS,
  NOTICES,
  type PlannedFault,
  type PlannedJob,
  PROVIDER_FAILPOINTS,
  type RunPlan,
} from './plan.js';
import type { Random } from './random.js';
import { retention } from './retention-scenario.js';
import { uniqueKeys } from './unique-scenario.js';
import { flows, signals } from './waiting-scenarios.js';
import {
  ADDING_MS,
  BAD_ENDPOINTS,
  hopelessTask,
  hostileRaw,
  PROVIDER_FAULTS,
  plainCreate,
  raw,
  task,
  webhook,
} from './workload.js';

/** A plan while it is drawn. */
export interface Draft extends RunPlan {
  /** Distinguishes the ids of jobs. */
  serial: number;
}

export type Scenario = (random: Random, draft: Draft) => void;

export const STALE_MS = ACK_WAIT_MS * 1.6;
/** Faults strike while jobs are added, and a little longer. */
export const when = (random: Random) => random.int(50, ADDING_MS + 600);
export const worker = (random: Random, draft: Draft) => random.int(0, draft.workers - 1);

export function addFault(draft: Draft, ...faults: PlannedFault[]): void {
  draft.faults.push(...faults);
}

export function nextId(draft: Draft, kind: string): string {
  draft.serial += 1;
  return `${kind}-${draft.serial}`;
}

export function addCreate(random: Random, draft: Draft, faultNames: readonly string[] = []): void {
  const job = plainCreate(random, nextId(draft, 'order'));
  for (const name of faultNames) PROVIDER_FAULTS[name]?.(random, job, instanceNameStem(job.id));
  draft.jobs.push(job);
}

/** Faults at the worker, the broker, the network. */
const SINGLE: Readonly<Record<string, Scenario>> = {
  signals,
  flows,
  limits,
  outbox,
  'worker-kill': (random, draft) => {
    for (let n = random.int(1, 3); n > 0; n--) {
      addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: when(random) });
    }
  },
  failpoints: (random, draft) => {
    const names = [...FAILPOINTS, ...PROVIDER_FAILPOINTS];
    for (const failpoint of random.sample(names, random.int(2, 4))) {
      const action = random.chance(0.75) ? 'kill' : 'freeze';
      const common = { worker: worker(random, draft), atMs: 0, nth: random.int(1, 3), forMs: STALE_MS };
      addFault(draft, { kind: 'failpoint', failpoint, action, ...common });
    }
  },
  'dies-while-creating': (random, draft) => {
    for (let index = 0; index < draft.workers; index++) {
      const failpoint = random.pick([...PROVIDER_FAILPOINTS, 'create.answered'] as const);
      const common = { worker: index, atMs: 0, nth: 1, forMs: STALE_MS };
      addFault(draft, { kind: 'failpoint', failpoint, action: 'kill', ...common });
      addCreate(random, draft, ['hidden for a moment']);
      // The last life of such a job ends with its worker.
      if (random.chance(0.5)) Object.assign(draft.jobs.at(-1) as PlannedJob, { maxAttempts: 1 });
    }
  },
  'stale-owner': (random, draft) => {
    for (const index of random.sample([...Array(draft.workers).keys()], random.int(1, 2))) {
      addFault(draft, { kind: 'freeze', worker: index, atMs: when(random), forMs: STALE_MS });
    }
  },
  'blocked-loop': (random, draft) => {
    addFault(draft, { kind: 'block', worker: worker(random, draft), atMs: when(random), forMs: STALE_MS });
  },
  drain: (random, draft) => {
    for (let n = random.int(1, 2); n > 0; n--) {
      addFault(draft, { kind: 'term', worker: worker(random, draft), atMs: when(random) });
    }
  },
  'broker-restart': (random, draft) => {
    addFault(draft, { kind: 'broker-kill', atMs: when(random), forMs: random.int(0, 800) });
  },
  network: (random, draft) => {
    // The client after the last worker is the producer.
    const client = () => random.int(0, draft.workers);
    for (let n = random.int(1, 3); n > 0; n--) {
      const forMs = random.int(300, 1_800);
      const kind = random.pick(['cut', 'delay', 'half-open'] as const);
      const base = { client: client(), atMs: when(random) };
      if (kind === 'cut') addFault(draft, { kind, ...base });
      else if (kind === 'delay') addFault(draft, { kind, ...base, forMs, delayMs: random.int(20, 250) });
      else addFault(draft, { kind, ...base, forMs });
    }
  },
  /** Workers that are stopped hand back what they run, while others remove what has ended. */
  'hand-back': (random, draft) => {
    draft.ackWaitMs = LONG_ACK_WAIT_MS;
    // One worker has room for all: no job that was handed back waits for a slot.
    draft.taskSlots = 100;
    // On a busy machine they would be stopped before they run anything.
    draft.awaitsWorkers = true;
    for (let n = 0; n < 20; n++) {
      const steps = [{ ms: n % 2 === 0 ? random.int(1, 20) : random.int(1_500, 2_500), end: 'ok' } as const];
      draft.jobs.push({ ...task(random, nextId(draft, 'task')), steps });
    }
    for (let atMs = 500; atMs < ADDING_MS + 1_500; atMs += random.int(200, 500)) {
      addFault(draft, { kind: 'term', worker: worker(random, draft), atMs });
    }
  },
  clocks: (random, draft) => {
    draft.clockOffsetsMs = Array.from({ length: draft.workers }, () => random.pick(CLOCK_OFFSETS_MS));
    for (let n = random.int(4, 8); n > 0; n--) {
      const steps = random.sample(['throw', 'nap', 'throw'] as const, 2).map((end) => ({ ms: 5, end }));
      const delayMs = random.chance(0.5) ? { delayMs: random.int(200, 1_500) } : {};
      draft.jobs.push({ ...task(random, nextId(draft, 'task')), steps, ...delayMs });
    }
  },
  'renewed-creds': (random, draft) => {
    draft.renewsCreds = true;
    // Enough to go on for a few seconds, in which everybody is sent away more than once.
    for (let n = 0; n < 8; n++) {
      const job = task(random, nextId(draft, 'task'));
      draft.jobs.push({ ...job, atMs: random.int(0, 4_000) });
    }
  },
  'lent-connection': (random, draft) => {
    for (let n = random.int(1, 3); n > 0; n--) {
      addFault(draft, { kind: 'drain-connection', worker: worker(random, draft), atMs: when(random) });
    }
  },
  /** Ticks meet deaths of workers, between a decision and its record too, and a server that is stopped or killed. */
  schedules: (random, draft) => {
    draft.taskSlots = 20;
    draft.awaitsWorkers = true;
    const common = () => ({ priority: random.pick(PRIORITIES), forMs: random.int(14_000, 18_000) });
    for (const overlap of ['skip', 'allow', 'cancel'] as const) {
      const steps = [
        { ms: random.int(1, 1_000), end: random.pick(['ok', 'throw', 'nap'] as const) },
        { ms: random.int(1, 2_500), end: 'ok' as const },
      ];
      const jitterMs = random.chance(0.3) ? { jitterMs: random.int(100, 1_500) } : {};
      draft.schedules.push({ name: overlap, periodMs: 2_000, overlap, steps, ...jitterMs, ...common() });
    }
    const steps = [{ ms: random.int(1, 300), end: 'ok' as const }];
    draft.schedules.push({ name: 'slow', periodMs: 10_000, overlap: 'skip', steps, ...common() });
    const atMs = () => random.int(500, 12_000);
    for (let n = random.int(1, 3); n > 0; n--) {
      addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: atMs() });
    }
    for (let n = random.int(1, 2); n > 0; n--) {
      const dying = { worker: worker(random, draft), atMs: 0, nth: random.int(1, 4), forMs: STALE_MS };
      const action = random.chance(0.7) ? 'kill' : 'freeze';
      addFault(draft, { kind: 'failpoint', failpoint: 'tick.decided', action, ...dying });
    }
    // One after the other: a server that was stopped knows what it fires next, and one that is killed knows it no more.
    if (random.chance(0.5))
      addFault(draft, { kind: 'broker-stop', atMs: random.int(500, 3_000), forMs: random.int(0, 1_000) });
    addFault(draft, { kind: 'broker-kill', atMs: random.int(5_500, 9_000), forMs: random.int(0, 3_000) });
  },
  'disk-full': (random, draft) => {
    addFault(draft, { kind: 'disk-full', atMs: when(random), forMs: random.int(200, 1_200) });
  },
};

/** Faults outside of Jetfleet, and what users do. */
const OUTSIDE: Readonly<Record<string, Scenario>> = {
  fleet,
  'fleet-orders': fleetOrders,
  provider: (random, draft) => {
    const names = Object.keys(PROVIDER_FAULTS);
    for (const name of random.sample(names, random.int(3, 5))) addCreate(random, draft, [name]);
  },
  receiver: (random, draft) => {
    for (const name of random.sample(Object.keys(BAD_ENDPOINTS), random.int(2, 4))) {
      const endpoint = BAD_ENDPOINTS[name]?.(random) ?? [];
      if (random.chance(0.5)) draft.jobs.push(webhook(random, nextId(draft, 'hook'), endpoint));
      else {
        addCreate(random, draft, random.chance(0.3) ? ['fails to start'] : []);
        Object.assign(draft.jobs.at(-1) as PlannedJob, { endpoint });
      }
    }
  },
  cancel: (random, draft) => {
    draft.jobs.push(hopelessTask(random, nextId(draft, 'task')));
    addCreate(random, draft, [
      random.pick(['timeout after create', 'stuck in pulling', 'list lag and a lost answer']),
    ]);
    for (const { id, kind, atMs } of random.sample(draft.jobs, random.int(2, 4))) {
      const target = kind === 'create' && random.chance(0.4) ? `${id}-monitor` : id;
      draft.cancels.push({ id: target, atMs: atMs + random.int(0, 700) });
    }
  },
  'cancel-while-dying': (random, draft) => {
    for (let n = 0; n < 12; n++) draft.jobs.push(task(random, nextId(draft, 'task')));
    for (let n = 0; n < 4; n++) {
      addFault(draft, { kind: 'kill', worker: worker(random, draft), atMs: random.int(200, 2_500) });
    }
    for (const { id, atMs } of random.sample(draft.jobs, 12)) {
      draft.cancels.push({ id, atMs: atMs + random.int(0, ADDING_MS + 600) });
    }
  },
  redrive: (random, draft) => {
    draft.redrive = true;
    for (let n = random.int(1, 3); n > 0; n--) draft.jobs.push(hopelessTask(random, nextId(draft, 'task')));
    addCreate(random, draft, ['no capacity anywhere']);
    addCreate(random, draft, ['fails to start']);
  },
  hostile: (random, draft) => {
    for (let n = random.int(3, 8); n > 0; n--) draft.jobs.push(raw(random, nextId(draft, 'raw')));
    const others = draft.jobs.map(({ id }) => id);
    for (let n = random.int(3, 8); n > 0; n--) {
      draft.jobs.push(hostileRaw(random, nextId(draft, 'raw'), others));
    }
    addFault(draft, { kind: 'foreign-instances', atMs: when(random) });
    for (const notice of random.sample(NOTICES, random.int(2, NOTICES.length))) {
      addFault(draft, { kind: 'forged-notice', notice, atMs: when(random) });
    }
  },
  'broken-callbacks': (random, draft) => {
    draft.throwsInCallbacks = true;
    draft.jobs.push(hopelessTask(random, nextId(draft, 'task')));
    addFault(draft, { kind: 'term', worker: worker(random, draft), atMs: when(random) });
  },
  unique: uniqueKeys,
  retention,
  /** Somebody removes what has ended, while others cancel it and run it again. */
  cleanup: (random, draft) => {
    for (let n = random.int(3, 6); n > 0; n--) draft.jobs.push(hopelessTask(random, nextId(draft, 'task')));
    for (const name of random.sample(RENTED_SLOWLY, 2)) addCreate(random, draft, [name]);
    for (const { id, kind, atMs } of random.sample(draft.jobs, random.int(4, 6))) {
      const target = kind === 'create' && random.chance(0.4) ? `${id}-monitor` : id;
      draft.cancels.push({ id: target, atMs: atMs + random.int(0, 700) });
    }
    const failpoint = random.pick([...PROVIDER_FAILPOINTS, 'create.answered'] as const);
    const dying = { worker: worker(random, draft), atMs: 0, nth: 1, forMs: STALE_MS };
    addFault(draft, { kind: 'failpoint', failpoint, action: 'kill', ...dying });
    for (let n = random.int(6, 12); n > 0; n--) addFault(draft, { kind: 'cleanup', atMs: when(random) });
    for (let n = random.int(6, 12); n > 0; n--) addFault(draft, { kind: 'retry-all', atMs: when(random) });
  },
  /** The process that removes what has ended dies at any moment, while others retry the same jobs. */
  'dying-cleanup': (random, draft) => {
    // Some wait for a slot when they are cancelled, so that their messages are removed with them.
    draft.taskSlots = 1;
    draft.awaitsWorkers = true;
    for (let n = random.int(10, 14); n > 0; n--) {
      const steps = [{ ms: random.int(100, 500), end: random.pick(['fatal', 'next', 'ok'] as const) }];
      // The processes that clean up are there before them.
      const job = { ...task(random, nextId(draft, 'task')), steps, atMs: random.int(1_500, 2_500) };
      draft.jobs.push(job);
      if (random.chance(0.5)) draft.cancels.push({ id: job.id, atMs: job.atMs + random.int(0, 700) });
    }
    for (let n = random.int(2, 4); n > 0; n--) draft.jobs.push(hopelessTask(random, nextId(draft, 'task')));
    addCreate(random, draft, [random.pick(RENTED_SLOWLY)]);
    addCreate(random, draft, ['fails to start']);
    for (let n = random.int(4, 6); n > 0; n--)
      addFault(draft, { kind: 'dying-cleanup', atMs: random.int(0, 1_000), forMs: random.int(0, 3_000) });
    for (const { id } of random.sample(draft.jobs, 10))
      addFault(draft, { kind: 'retry', id, atMs: random.int(1_500, 4_000) });
    for (let n = random.int(4, 8); n > 0; n--)
      addFault(draft, { kind: 'retry-all', atMs: random.int(1_500, 4_000) });
  },
};

/** Faults that need three nodes. */
const CLUSTER: Readonly<Record<string, Scenario>> = {
  'leader-kill': (random, draft) => {
    const stream = random.pick(['jobs', 'events'] as const);
    addFault(draft, { kind: 'leader-kill', stream, atMs: when(random), forMs: random.int(500, 2_000) });
  },
  'consumer-leader-kill': (random, draft) => {
    addFault(draft, { kind: 'consumer-leader-kill', atMs: when(random), forMs: random.int(500, 2_000) });
  },
  'follower-cut-off': (random, draft) => {
    addFault(draft, { kind: 'follower-freeze', atMs: when(random), forMs: random.int(500, 3_000), count: 1 });
  },
  'frozen-followers': (random, draft) => {
    addSteadyTasks(random, draft);
    const forMs = random.int(3_000, 12_000);
    addFault(draft, {
      kind: 'follower-freeze',
      atMs: when(random),
      forMs,
      count: random.pick([1, 2, 2] as const),
    });
  },
  'slow-followers': (random, draft) => {
    addSteadyTasks(random, draft);
    addFault(draft, { kind: 'followers-slow', atMs: when(random), forMs: random.int(3_000, 12_000) });
  },
  'rolling-restart': (random, draft) => {
    addSteadyTasks(random, draft);
    addFault(draft, { kind: 'rolling-restart', atMs: when(random) });
  },
};

/** Short and long ones, half of which have one attempt, for a lease that outlasts the fault: all of them complete. */
function addSteadyTasks(random: Random, draft: Draft): void {
  draft.ackWaitMs = LONG_ACK_WAIT_MS;
  draft.awaitsWorkers = true;
  draft.taskSlots = 100;
  for (let n = 0; n < 30; n++) {
    const steps = [{ ms: n % 3 === 0 ? random.int(2_000, 8_000) : random.int(1, 50), end: 'ok' } as const];
    const maxAttempts = n % 2 === 0 ? 1 : 3;
    draft.jobs.push({
      ...task(random, nextId(draft, 'task')),
      steps,
      maxAttempts,
      atMs: random.int(0, 6_000),
    });
  }
}

const CLOCK_OFFSETS_MS = [-60_000, -30_000, -3_000, 0, 3_000, 30_000, 60_000];

/** Faults that leave it open for a while whether something is rented. */
const RENTED_SLOWLY = [
  'create carried out late',
  'timeout after create',
  'stuck in pulling',
  'hidden for a moment',
  'list lag and a lost answer',
];

/** Those that need a run of their own. */
const ALONE: readonly string[] = [
  'fleet',
  'fleet-orders',
  'limits',
  'outbox',
  'retention',
  'unique',
  'schedules',
  'hand-back',
  'cleanup',
  'dying-cleanup',
  'renewed-creds',
  'broken-callbacks',
  'frozen-followers',
  'slow-followers',
  'rolling-restart',
];

/** Those that work alike on one node and on three. */
const PORTABLE = [
  'worker-kill',
  'failpoints',
  'dies-while-creating',
  'stale-owner',
  'blocked-loop',
  'drain',
  'hand-back',
  'clocks',
  'signals',
  'flows',
  'limits',
  'schedules',
  'unique',
];

/** The scenarios by name, for one node or for three. */
export function scenariosFor(cluster: boolean): Readonly<Record<string, Scenario>> {
  const portable = Object.entries(SINGLE).filter(([name]) => !cluster || PORTABLE.includes(name));
  const own = { ...Object.fromEntries(portable), ...(cluster ? CLUSTER : {}), ...OUTSIDE };
  const mixed: Scenario = (random, draft) => {
    const names = Object.keys(own).filter((name) => !ALONE.includes(name));
    for (const name of random.sample(names, random.int(2, 4))) own[name]?.(random, draft);
  };
  return { ...own, mixed };
}

/**
 * For each sabotage a run that steers straight at the moment which the broken safeguard protects. No chance is in it, so
 * it is caught in one run; and the product as it is passes all of them.
 */
import { instanceNameStem } from '../../src/gpu/index.js';
import { soldBy } from './fleet-scenario.js';
import type { ViolationKind } from './invariants.js';
import {
  ACK_WAIT_MS,
  LONG_ACK_WAIT_MS,
  type PlannedFault,
  type PlannedJob,
  type RunPlan,
  type TaskStep,
} from './plan.js';
import { Random } from './random.js';
import type { Sabotage } from './sabotage.js';
import { type Create, PROVIDER_FAULTS, plainCreate } from './workload.js';

export interface Directed {
  plan: RunPlan;
  /** What the product as it is goes through instead, where that takes less time. */
  sound?: RunPlan;
  /** One of these is seen. */
  sees: ReadonlySet<ViolationKind>;
}

const PATIENT_MS = 2 * ACK_WAIT_MS;
const TWO = ['novita', 'runpod'] as const;

export const DIRECTED: Readonly<Record<Sabotage, Directed>> = {
  'no-cas': {
    // The frozen worker has ended its job, and writes that once somebody else has ended it too.
    plan: plan('no-cas', {
      workers: 2,
      jobs: tasks(6, { ms: 50, end: 'ok' }),
      faults: [{ ...atFailpoint('run.ended', 'freeze', 20_000), untilCompleted: true }],
      ackWaitMs: ACK_WAIT_MS,
    }),
    sees: new Set(['ended-twice', 'path', 'attempts']),
  },
  'forgotten-ticks': {
    plan: plan('forgotten-ticks', {
      schedules: [
        {
          name: 'tick',
          periodMs: 1_000,
          overlap: 'skip',
          priority: 'normal',
          steps: [{ ms: 1_500, end: 'ok' }],
          forMs: 5_000,
        },
      ],
      taskSlots: 5,
    }),
    sees: new Set(['tick-overlap']),
  },
  'blind-create': {
    plan: plan('blind-create', { jobs: [create(['500 after create'])] }),
    sees: new Set(['duplicated-instance']),
  },
  'early-ack': {
    plan: plan('early-ack', { jobs: tasks(1, { ms: 10, end: 'ok' }) }),
    sees: new Set(['lost']),
  },
  'no-intent': {
    // Its last attempt ends with the worker that has rented.
    plan: plan('no-intent', {
      jobs: [{ ...create([]), maxAttempts: 1 }],
      faults: [atFailpoint('create.answered', 'kill')],
    }),
    sees: new Set(['orphaned-instance']),
  },
  'local-clock': {
    plan: plan('local-clock', { jobs: tasks(1, { ms: 10, end: 'throw' }), clockOffsetsMs: [60_000] }),
    sees: new Set(['clock', 'early']),
  },
  'purge-under-consumer': {
    // What the worker hands back, only its successor can take; in between the short ones are removed.
    plan: plan('purge-under-consumer', {
      jobs: [...tasks(8, { ms: 1, end: 'ok' }), task('long', { ms: 2_000, end: 'ok' })],
      faults: [{ kind: 'term', worker: 0, atMs: 200, once: { id: 'long', state: 'running' } }],
      ackWaitMs: LONG_ACK_WAIT_MS,
    }),
    sees: new Set(['held-up']),
  },
  'believed-notice': {
    plan: plan('believed-notice', {
      jobs: tasks(1, { ms: 1_500, end: 'ok' }),
      faults: [
        {
          kind: 'forged-notice',
          notice: 'cancelled',
          atMs: 0,
          once: { id: 'task-0', state: 'running' },
        },
      ],
    }),
    sees: new Set(['hostile']),
  },
  'unfenced-cleanup': {
    plan: plan('unfenced-cleanup', {
      jobs: tasks(1, { ms: 500, end: 'fatal' }),
      faults: [
        { kind: 'cleanup', atMs: 0, once: { id: 'task-0', state: 'rejected' } },
        { kind: 'retry-all', atMs: 200, once: { id: 'task-0', state: 'rejected' } },
      ],
    }),
    sees: new Set(['lost', 'ended-twice', 'path', 'attempts']),
  },
  'bare-cleanup': {
    // The second job waits for the slot of the first one when it is cancelled, and is removed before that one ends.
    plan: plan('bare-cleanup', {
      jobs: [
        task('task-0', { ms: 4_000, end: 'ok' }),
        { ...task('task-1', { ms: 10, end: 'ok' }), atMs: 300 },
      ],
      cancels: [{ id: 'task-1', atMs: 700 }],
      faults: [{ kind: 'dying-cleanup', atMs: 0, forMs: 4_000 }],
      taskSlots: 1,
    }),
    sees: new Set(['ended-twice', 'path', 'cancel']),
  },
  'one-look': {
    plan: plan('one-look', { jobs: [hiddenFromReads(create([]))] }),
    sees: new Set(['unexpected-failure']),
  },
  'bare-callbacks': {
    plan: plan('bare-callbacks', { jobs: tasks(1, { ms: 10, end: 'ok' }), throwsInCallbacks: true }),
    sees: new Set(['crashed']),
  },
  'timer-flood': {
    plan: plan('timer-flood', { jobs: tasks(50, { ms: 1, end: 'nap', napMs: 60_000 }) }),
    sound: plan('timer-flood', { jobs: tasks(50, { ms: 1, end: 'nap', napMs: 2_000 }) }),
    sees: new Set(['flood']),
  },
  'no-heartbeat': {
    // One that comes back to the worker that has it is charged to nobody, so several.
    plan: plan('no-heartbeat', { workers: 2, jobs: tasks(6, { ms: 2.5 * PATIENT_MS, end: 'ok' }) }),
    sees: new Set(['charged']),
  },
  'no-second-look': {
    // The signal is passed on while the record of the wait is written and its timer is not.
    plan: plan('no-second-look', {
      jobs: tasks(1, { ms: 10, end: 'wait' }),
      signals: [{ id: 'task-0', number: 0, atMs: 200, once: { id: 'task-0', state: 'waiting' } }],
    }),
    sees: new Set(['left-over', 'signal', 'lost']),
  },
  'unowned-delete': {
    plan: plan('unowned-delete', { faults: [{ kind: 'foreign-instances', atMs: 0 }] }),
    sees: new Set(['hostile']),
  },
  'next-at-doubt': {
    plan: plan('next-at-doubt', { providers: [...TWO], jobs: [atTwo(create(['500 after create']))] }),
    sees: new Set(['duplicated-instance']),
  },
  'one-provider': {
    plan: plan('one-provider', {
      providers: [...TWO],
      jobs: [{ ...atTwo(create([])), fullAt: ['novita'] }],
    }),
    sees: new Set(['capacity-missed']),
  },
  'believed-event': {
    plan: plan('believed-event', { jobs: [{ ...hiddenFromReads(create([])), orders: ['watch'] }] }),
    sees: new Set(['healthy-deleted']),
  },
};

function plan(name: string, parts: Partial<RunPlan>): RunPlan {
  return {
    name: `directed/${name}`,
    scenario: 'directed',
    workers: 1,
    jobs: [],
    schedules: [],
    cancels: [],
    signals: [],
    faults: [],
    redrive: false,
    clockOffsetsMs: [],
    renewsCreds: false,
    throwsInCallbacks: false,
    awaitsWorkers: true,
    ackWaitMs: PATIENT_MS,
    // No run waits for it to pass: it would only have a busy machine miss the moment.
    providerTimeoutMs: 10_000,
    ...parts,
  };
}

function task(id: string, ...steps: TaskStep[]): PlannedJob {
  return { kind: 'task', id, atMs: 0, priority: 'normal', maxAttempts: 3, isNew: false, steps };
}

function tasks(count: number, step: TaskStep): PlannedJob[] {
  return Array.from({ length: count }, (_, n) => task(`task-${n}`, step));
}

/** A single read of its instance says for longer than the run takes that there is none; the list shows it. */
function hiddenFromReads(job: Create): Create {
  const match = instanceNameStem(job.id);
  return { ...job, faults: [{ kind: 'read_lag', lagMs: 60_000, match }] };
}

function atTwo(job: Create): Create {
  return { ...job, payload: { ...job.payload, ...soldBy(TWO), billingModes: ['on_demand'] } };
}

function create(faults: readonly string[]): Create {
  const random = new Random('directed');
  const job = { ...plainCreate(random, 'order'), atMs: 0, maxAttempts: 3 };
  for (const name of faults) PROVIDER_FAULTS[name]?.(random, job, instanceNameStem(job.id));
  return job;
}

type AtFailpoint = Extract<PlannedFault, { kind: 'failpoint' }>;

function atFailpoint(
  failpoint: AtFailpoint['failpoint'],
  action: AtFailpoint['action'],
  forMs = 0,
): AtFailpoint {
  return { kind: 'failpoint', worker: 0, atMs: 0, failpoint, nth: 1, action, forMs };
}

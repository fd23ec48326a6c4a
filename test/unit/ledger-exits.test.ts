/** What the ledger notes when a job of an instance ends: for every exit of each chart that touches one. */
import { describe, expect, it } from 'vitest';
import {
  type AnyStateMachine,
  type AnyTransitionDefinition,
  createActor,
  fromPromise,
  toPromise,
} from 'xstate';
import {
  checkInstanceChart,
  createInstanceChart,
  deleteInstanceChart,
  keepLeaseChart,
  migrateInstanceChart,
  monitorInstanceChart,
  orderInstanceChart,
  watchInstanceChart,
} from '../../machines/index.js';
import type { JobRecord } from '../../src/index.js';
import { NOTED_TYPES, notesOf } from '../../src/instances/ledger-notes.js';
import { JetfleetError } from '../../src/jobs/errors.js';
import type { JobOutcome } from '../../src/jobs/outcome.js';
import type { LedgerNote } from '../../src/money/ledger-entry.js';

const START = Date.parse('2026-01-01T00:00:00.000Z');
const iso = (ms: number) => new Date(START + ms).toISOString();
const PACE = { pollIntervalMs: 1_000, verifyIntervalMs: 500, settleMs: 2_000 };

/** What its actors answer at a time, by their names; one that is not here answers nothing. */
type World = Record<string, (ms: number) => unknown>;

const UNLESS_SAID: World = { readPrice: () => ({ pricePerHour: null }) };

const CHARTS = {
  monitor_instance: monitorInstanceChart({ ...PACE, deleteGraceMs: 2_000, transientGraceMs: 1_000 }),
  watch_instance: watchInstanceChart(PACE),
  delete_instance: deleteInstanceChart({ ...PACE, giveUpAfterMs: 10_000 }),
  start_instance: orderInstanceChart('start', PACE),
  stop_instance: orderInstanceChart('stop', PACE),
  restart_instance: orderInstanceChart('restart', PACE),
  migrate_instance: migrateInstanceChart(PACE),
  check_instance: checkInstanceChart(PACE),
  keep_lease: keepLeaseChart(PACE),
  create_instance: createInstanceChart({ settleDelayMs: 1, maxLookUps: 2 }),
} satisfies Record<string, AnyStateMachine>;
type Type = keyof typeof CHARTS;

const PAYLOADS: Partial<Record<Type, object>> = {
  monitor_instance: { startTime: iso(0), maxWaitTime: 10_000 },
  keep_lease: { leaseMs: 3_000 },
};

/** `reading done provenGone`: the state, how its actor ended, and the guard that chose this way. */
function exitOf({ source, eventType, guard }: AnyTransitionDefinition): string {
  const how = /^xstate\.(done|error)/.exec(eventType)?.[1] ?? 'always';
  const named = typeof guard === 'object' ? (guard as { type?: string }).type : guard;
  return [source.key, how, typeof named === 'string' ? named : 'else'].join(' ');
}

/** Every way on which a chart ends a job: not those on which it hibernates. */
function exitsOf(machine: AnyStateMachine): string[] {
  return Object.values(machine.states).flatMap(({ transitions, always = [] }) =>
    [...transitions.values(), always].flat().flatMap((each) => {
      const [target] = each.target ?? [];
      return target?.type === 'final' && !['snoozed', 'waitingForTurn'].includes(target.key)
        ? [exitOf(each)]
        : [];
    }),
  );
}

/** Runs a job until it ends. @returns on which way it did, and all that was noted */
async function ended(type: Type, world: World, payload: object = {}) {
  const notes: LedgerNote[] = [];
  let before = {
    ...{ v: 1, id: 'j', type, priority: 'normal', status: 'processing', state: 'running', attempt: 1 },
    ...{ maxAttempts: 3, createdAt: iso(0), updatedAt: iso(0), machine: { id: 'job', version: 1 } },
    payload: { instanceId: 'i', novitaInstanceId: 'abc', ...PAYLOADS[type], ...payload },
  } as JobRecord;
  for (let ms = 0; ms < 200_000; ) {
    const { outcome, exit } = await run(type, world, before, ms);
    const record = recordAfter(before, outcome, ms);
    for (const noted of notesOf(record, before)) {
      expect(noted.novitaInstanceId).toMatch(/^abc/);
      notes.push(...noted.notes);
    }
    // Another worker that comes to the same has nothing to add.
    if (record.status === 'processing') expect(notesOf(record, record)).toEqual([]);
    if (outcome.kind !== 'snoozed') return { outcome, exit, notes, endedAt: iso(ms) };
    before = record;
    ms += outcome.delayMs;
  }
  throw new Error('the job never ended');
}

async function run(type: Type, world: World, { payload, checkpoint }: JobRecord, ms: number) {
  const chart: AnyStateMachine = CHARTS[type];
  const actors = Object.keys(chart.implementations.actors).map((name) => [
    name,
    fromPromise(async () => ({ ...UNLESS_SAID, ...world })[name]?.(ms)),
  ]);
  const machine = chart.provide({ actors: Object.fromEntries(actors) });
  let exit = '';
  const actor = createActor(machine, {
    input: { jobId: 'j', type, attempt: 1, maxAttempts: 3, payload, checkpoint, now: iso(ms) },
    inspect: (event) => {
      if (event.type !== '@xstate.microstep') return;
      const taken = event._transitions.find(({ target }) => target?.[0]?.type === 'final');
      if (taken) exit = exitOf(taken);
    },
  });
  return { outcome: (await toPromise(actor.start())) as JobOutcome, exit };
}

function recordAfter(before: JobRecord, outcome: JobOutcome, ms: number): JobRecord {
  const { checkpoint = before.checkpoint } = outcome;
  const left = { ...before, checkpoint, updatedAt: iso(ms) };
  if (outcome.kind === 'snoozed') return left;
  if (outcome.kind === 'failed') return { ...left, status: 'failed', error: outcome.error };
  return { ...left, status: 'completed', result: outcome.result };
}

const is = (status: string, more: object = {}) => ({
  ...{ status, healthy: status === 'running', isAble: true, endpoints: [], ...more },
});
const always = (answer: unknown) => () => answer;
/** The first answers one after the other, and the last of them from then on. */
const inTurn = (...answers: unknown[]) => {
  const left = [...answers];
  return () => (left.length > 1 ? left.shift() : left[0]);
};
/** After a time, another answer. */
const until = (ms: number, before: unknown, after: unknown) => (now: number) => (now < ms ? before : after);
const fails = (code: 'PROVIDER_TRANSIENT' | 'PROVIDER_AUTH' | 'INSTANCE_NOT_OURS') => () => {
  throw new JetfleetError(`JETFLEET_${code}`, 'no', { retryable: code === 'PROVIDER_TRANSIENT' });
};
/** After a time, it fails. */
const failsFrom = (ms: number, before: unknown) => (now: number) =>
  now < ms ? before : fails('PROVIDER_TRANSIENT')();
const notOurs = fails('INSTANCE_NOT_OURS');
const down = fails('PROVIDER_TRANSIENT');

/** `gone 10500 deleted`: what was noted, and for which time. */
function shown(note: LedgerNote): string {
  const ms = Date.parse(note.at) - START;
  if (note.what === 'state') return `${note.state} ${ms}`;
  if (note.what === 'price') return `price ${ms} ${note.pricePerHour}`;
  return note.what === 'ended' ? `${note.end} ${ms}` : `${note.what} ${ms}`;
}

/** How the job ends, what its actors answer, what is noted then, and what the payload says. */
type Row = [exit: string, world: World, notes: string[], payload?: object];

const pending = always(is('provisioning'));
const late = until(12_000, is('provisioning'), null);
const ROWS: Record<Exclude<Type, 'create_instance'>, Row[]> = {
  monitor_instance: [
    [
      'checking done isReady',
      { checkInstance: until(3_000, is('pending'), is('running')) },
      ['running 3000'],
    ],
    ['checking done provenGone', { checkInstance: until(3_000, is('pending'), null) }, ['gone 3000']],
    // It was late before it went, and no run of this job has deleted it.
    ...['keep', 'stop', 'delete'].map(
      (onTimeout): Row => [
        'checking done goneAfterLate',
        { checkInstance: inTurn(...Array(12).fill(is('pending')), null) },
        ['gone 10600'],
        { onTimeout },
      ],
    ),
    ['checking done provenBroken', { checkInstance: always(is('failed')) }, []],
    [
      'checking done provenBroken',
      { checkInstance: always(is('preempted')) },
      ['interrupted 0', 'stopped 0'],
    ],
    ['checking error unreadableAndKept', { checkInstance: down }, [], { onTimeout: 'keep' }],
    ['checking error unreadableTooLong', { checkInstance: down }, []],
    ['applyingTimeout always keeps', { checkInstance: pending }, [], { onTimeout: 'keep' }],
    [
      'stopping error isNotOurs',
      { checkInstance: pending, stopInstance: notOurs },
      [],
      { onTimeout: 'stop' },
    ],
    ['verifyingStopped done provenGone', { checkInstance: late }, ['gone 12100'], { onTimeout: 'stop' }],
    [
      'verifyingStopped done isStopped',
      { checkInstance: until(12_000, is('provisioning'), is('stopped')) },
      ['stopped 12100'],
      { onTimeout: 'stop' },
    ],
    ['verifyingStopped done removalOverdue', { checkInstance: pending }, [], { onTimeout: 'stop' }],
    [
      'verifyingStopped error removalOverdue',
      { checkInstance: failsFrom(12_000, is('pending')) },
      [],
      { onTimeout: 'stop' },
    ],
    ['deleting error isNotOurs', { checkInstance: pending, deleteInstance: notOurs }, []],
    ['deleting error removalOverdue', { checkInstance: pending, deleteInstance: down }, []],
    ['verifyingGone done provenGone', { checkInstance: late }, ['deleted 12100']],
    // The next offer is tried.
    [
      'verifyingGone done provenGone',
      { checkInstance: late },
      ['deleted 12100'],
      { nextOffer: { deadline: iso(900_000) } },
    ],
    ['verifyingGone done removalOverdue', { checkInstance: pending }, []],
    ['verifyingGone error removalOverdue', { checkInstance: failsFrom(12_000, is('pending')) }, []],
  ],
  watch_instance: [
    [
      'reading done isProvenEvent',
      { readInstance: until(4_000, is('running'), null) },
      ['running 0', 'gone 7000'],
    ],
    [
      'reading done isProvenEvent',
      { readInstance: until(4_000, is('running'), is('stopped')) },
      ['running 0', 'stopped 7000'],
    ],
    [
      'reading done isProvenEvent',
      { readInstance: until(4_000, is('running'), is('preempted')) },
      ['running 0', 'stopped 7000', 'interrupted 7000'],
    ],
    // It still runs, and is to be taken back.
    [
      'reading done isProvenEvent',
      { readInstance: until(4_000, is('running'), is('running', { isInterrupted: true })) },
      ['running 0', 'interrupted 7000'],
    ],
    ['reading done isProvenEvent', { readInstance: always(is('failed')) }, []],
    // Nobody wants to hear that it has stopped; it costs nothing all the same, and again once it runs.
    [
      'reading done isProvenEvent',
      { readInstance: (ms: number) => (ms < 4_000 ? is('stopped') : ms < 40_000 ? is('running') : null) },
      ['stopped 0', 'running 7000', 'gone 63000'],
      { on: { stopped: 'ignore' } },
    ],
    ['reading error isNotOurs', { readInstance: notOurs }, []],
    [
      'probing done isUnhealthy',
      { readInstance: always(is('running')), probePorts: always([{ port: 80, isHealthy: false }]) },
      ['running 0'],
      { health: { failures: 2 } },
    ],
    // A look that finds no price notes none, and neither does what the payload says.
    [
      'pricing done isPriceChanged',
      {
        readInstance: always(is('running')),
        readPrice: (ms: number) => ({ pricePerHour: ms < 5_000 ? null : ms < 20_000 ? 7 : 8 }),
      },
      ['running 0', 'price 7000 7', 'price 31000 8'],
      { pricePerHour: 7, priceIntervalMs: 1_000 },
    ],
  ],
  delete_instance: [
    ['looking done provenGone', { findInstances: inTurn([{ id: 'abc' }], []) }, ['deleted 500']],
    ['looking done provenGone', { findInstances: always([]) }, ['gone 0']],
    ['looking error overdue', { findInstances: down }, []],
    ['deleting done overdue', { findInstances: always([{ id: 'abc' }]) }, []],
    ['deleting error isNotOurs', { findInstances: always([{ id: 'abc' }]), deleteInstances: notOurs }, []],
    ['deleting error overdue', { findInstances: always([{ id: 'abc' }]), deleteInstances: down }, []],
  ],
  start_instance: [
    ['reading done provenGone', { readInstance: always(null) }, ['gone 0']],
    // It is billed from its order on.
    ['reading done isDone', { readInstance: until(4_000, is('stopped'), is('running')) }, ['running 2500']],
    ['reading done isDone', { readInstance: always(is('running')) }, ['running 0']],
    ['reading done isUnable', { readInstance: always(is('stopped', { isAble: false })) }, []],
    [
      'reading done overdue',
      { readInstance: inTurn(is('stopped'), is('provisioning')) },
      ['running 0'],
      SHORT(),
    ],
    // It has never left its state.
    ['reading done overdue', { readInstance: always(is('stopped')) }, [], SHORT()],
    ['reading error isNotOurs', { readInstance: notOurs }, []],
    [
      'reading error overdue',
      { readInstance: (ms: number) => (ms === 0 ? is('stopped') : ms < 2_000 ? is('pending') : down()) },
      ['running 0'],
      SHORT(),
    ],
    ['ordering error isNotOurs', { readInstance: always(is('stopped')), orderInstance: notOurs }, []],
    [
      'ordering error isFinal',
      { readInstance: always(is('stopped')), orderInstance: fails('PROVIDER_AUTH') },
      [],
    ],
  ],
  stop_instance: [
    ['reading done provenGone', { readInstance: always(null) }, ['gone 0']],
    ['reading done isDone', { readInstance: until(1_000, is('running'), is('stopped')) }, ['stopped 1500']],
    ['reading done isUnable', { readInstance: always(is('running', { isAble: false })) }, []],
    ['reading done overdue', { readInstance: always(is('stopping')) }, [], SHORT()],
    ['reading error isNotOurs', { readInstance: notOurs }, []],
    ['reading error overdue', { readInstance: down }, [], SHORT()],
    ['ordering error isNotOurs', { readInstance: always(is('running')), orderInstance: notOurs }, []],
    [
      'ordering error isFinal',
      { readInstance: always(is('running')), orderInstance: fails('PROVIDER_AUTH') },
      [],
    ],
  ],
  restart_instance: [
    ['reading done provenGone', { readInstance: always(null) }, ['gone 0']],
    [
      'reading done isDone',
      { readInstance: inTurn(is('running'), is('pending'), is('running')) },
      ['running 0'],
    ],
    ['reading done isUnable', { readInstance: always(is('running', { isAble: false })) }, []],
    ['reading done isUnproven', { readInstance: always(is('running')), orderInstance: down }, []],
    ['reading done overdue', { readInstance: inTurn(is('stopped'), is('pending')) }, ['running 0'], SHORT()],
    ['reading error isNotOurs', { readInstance: notOurs }, []],
    ['reading error overdue', { readInstance: down }, [], SHORT()],
    ['ordering error isNotOurs', { readInstance: always(is('running')), orderInstance: notOurs }, []],
    [
      'ordering error isFinal',
      { readInstance: always(is('running')), orderInstance: fails('PROVIDER_AUTH') },
      [],
    ],
  ],
  migrate_instance: [
    ['reading done provenGone', { readInstance: always(null) }, ['gone 0'], { by: 'provider' }],
    ['reading done isDone', { readInstance: inTurn(is('preempted'), is('running')) }, ['running 0']],
    [
      'reading done isUnable',
      { readInstance: always(is('running', { isAble: false, healthy: false })) },
      [],
      { by: 'provider' },
    ],
    [
      'reading done overdue',
      { readInstance: inTurn(is('preempted'), is('migrating')) },
      ['running 0'],
      SHORT(),
    ],
    ['reading error isNotOurs', { readInstance: notOurs }, []],
    ['reading error overdue', { readInstance: down }, [], SHORT()],
    ['ordering error isNotOurs', { readInstance: always(is('preempted')), orderInstance: notOurs }, []],
    [
      'ordering error isFinal',
      { readInstance: always(is('preempted')), orderInstance: fails('PROVIDER_AUTH') },
      [],
    ],
    [
      'replacing error isNotOurs',
      { readInstance: always(is('running')), addReplacement: notOurs },
      [],
      { by: 'replacement' },
    ],
    // It was gone before, whatever becomes of the other one.
    [
      'replacing error isFinal',
      { readInstance: always(null), addReplacement: fails('PROVIDER_AUTH') },
      ['gone 0'],
    ],
    [
      'awaitingReplacement done replacementRuns',
      {
        readInstance: always(null),
        addReplacement: always({ jobId: 'other' }),
        readReplacement: always({ state: 'running', novitaInstanceId: 'new', createJobId: 'other' }),
      },
      ['gone 0'],
    ],
    // A job follows that deletes it.
    [
      'awaitingReplacement done replacementRuns',
      {
        readInstance: always(is('running')),
        addReplacement: always({ jobId: 'other' }),
        readReplacement: always({ state: 'running', novitaInstanceId: 'new', createJobId: 'other' }),
      },
      [],
      { by: 'replacement' },
    ],
    [
      'awaitingReplacement done replacementFailed',
      {
        readInstance: always(null),
        addReplacement: always({ jobId: 'other' }),
        readReplacement: always({ state: 'failed', error: { code: 'X', message: '' } }),
      },
      ['gone 0'],
    ],
  ],
  check_instance: [
    ['reading done provenGone', { readInstance: always(null) }, ['gone 0']],
    ['reading done overdue', { readInstance: pending }, [], SHORT()],
    ['reading error isNotOurs', { readInstance: notOurs }, []],
    ['reading error overdue', { readInstance: down }, [], SHORT()],
    ['probing done isHealthy', { readInstance: always(is('running')), probePorts: always([]) }, []],
    [
      'probing done overdue',
      { readInstance: always(is('running')), probePorts: always([{ port: 80, isHealthy: false }]) },
      [],
      SHORT(),
    ],
  ],
  keep_lease: [
    ['reading done provenGone', { readInstance: until(2_500, is('running'), null) }, ['gone 3000']],
  ],
};

function SHORT(): object {
  return { maxWaitTime: 5_000 };
}

/** Only a restart may leave it open whether it was carried out. */
const NEVER = ['start_instance reading done isUnproven', 'stop_instance reading done isUnproven'];

describe.each(Object.entries(ROWS))('%s', (name, rows) => {
  const type = name as keyof typeof ROWS;

  it.each(rows)('that ends by "%s"', async (exit, world, notes, payload) => {
    const { exit: taken, notes: noted } = await ended(type, world, payload);
    expect(taken).toBe(exit);
    expect(noted.map(shown)).toEqual(notes);
  });

  it('has no other exit', () => {
    const exits = exitsOf(CHARTS[type]).filter((exit) => !NEVER.includes(`${type} ${exit}`));
    expect([...new Set(rows.map(([exit]) => exit))].sort()).toEqual([...new Set(exits)].sort());
  });
});

describe('create_instance', () => {
  const world: World = {
    resolveOffers: always([{ productId: 'p', region: 'r' }]),
    recordIntent: always({ instanceName: 'jetfleet-a' }),
    createInstance: always({ providerInstanceId: 'abc' }),
  };
  const idsOf = async (more: World) => {
    const { outcome, exit } = await ended('create_instance', { ...world, ...more });
    const record = recordAfter({ type: 'create_instance' } as JobRecord, outcome, 0);
    return [exit, notesOf(record).map(({ novitaInstanceId, notes }) => [novitaInstanceId, notes])];
  };

  it('enters all that it has rented, and nothing where it fails', async () => {
    expect(await idsOf({ findInstances: always([]) })).toEqual(['creating done else', [['abc', []]]]);
    const found = always([{ id: 'abc1' }, { id: 'abc2' }]);
    expect(await idsOf({ findInstances: found })).toEqual([
      'lookingUp done foundSome',
      [
        ['abc1', []],
        ['abc2', []],
      ],
    ]);
    expect(await idsOf({ resolveOffers: always([]) })).toEqual(['resolvingOffers done else', []]);
    const completing = Object.values(CHARTS.create_instance.states).flatMap(({ transitions }) =>
      [...transitions.values()].flat().filter(({ target }) => target?.[0]?.key === 'completed'),
    );
    expect(completing.map(exitOf).sort()).toEqual(['creating done else', 'lookingUp done foundSome']);
  });
});

describe('what is not an exit', () => {
  it('a lease that was renewed too late ends its instance when it was over', async () => {
    // The workers stand still from 2 s on, and go on after an hour.
    const HOUR_MS = 3_600_000;
    let checkpoint: unknown;
    let before = { type: 'keep_lease', payload: { novitaInstanceId: 'abc', leaseMs: 3_000 } } as JobRecord;
    const notes: string[] = [];
    for (const ms of [0, 1_000, 2_000, HOUR_MS, HOUR_MS + 1_000, HOUR_MS + 2_000, HOUR_MS + 3_000]) {
      const world = { readInstance: until(HOUR_MS, is('running'), null) };
      const { outcome } = await run('keep_lease', world, { ...before, checkpoint }, ms);
      const record = recordAfter(before, outcome, ms);
      for (const noted of notesOf(record, before)) notes.push(...noted.notes.map(shown));
      ({ checkpoint } = record);
      before = record;
      if (outcome.kind === 'completed') break;
    }
    expect(notes).toEqual(['watchdog 5000']);
  });

  it('what a deletion finds with a later look is entered, once, and also where it then fails', () => {
    const looks = (found: string[], more: Partial<JobRecord> = {}) =>
      ({
        type: 'delete_instance',
        status: 'processing',
        checkpoint: { found },
        payload: {},
        ...more,
      }) as JobRecord;
    expect(notesOf(looks(['abc']), looks([]))).toEqual([{ novitaInstanceId: 'abc', notes: [] }]);
    expect(notesOf(looks(['abc'], { status: 'failed' }), looks([]))).toHaveLength(1);
    expect(notesOf(looks(['abc']), looks(['abc']))).toEqual([]);
  });

  it('jobs that order others to touch an instance note nothing of their own', () => {
    expect(NOTED_TYPES).not.toContain('auto_stop');
    expect(NOTED_TYPES).not.toContain('extend_lease');
    expect(notesOf({ type: 'auto_stop', payload: { novitaInstanceId: 'abc' } } as JobRecord)).toEqual([]);
  });

  it.each([
    null,
    5,
    'text',
    { proven: null },
    { proven: { is: 'running' } },
    { proven: { is: 'x', since: 'y' } },
  ])('a checkpoint like %j proves nothing', (checkpoint) => {
    for (const type of NOTED_TYPES)
      expect(
        notesOf({ type, status: 'failed', payload: { novitaInstanceId: 'abc' }, checkpoint } as JobRecord),
      ).toEqual([]);
  });
});

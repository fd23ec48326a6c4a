/** The jobs of a run. */
import type { FaultInput } from '../../src/gpu/index.js';
import { PRIORITIES } from '../../src/jobs/vocabulary.js';
import { HOSTILE_HEADERS } from './hostile-client.js';
import { type Answer, type PlannedJob, PROVIDER_TIMEOUT_MS, type TaskStep } from './plan.js';
import { NOVITA_ROUTES } from './provider-sims.js';
import type { Random } from './random.js';

/** During this time the jobs of a run are added. */
export const ADDING_MS = 900;

export type Create = Extract<PlannedJob, { kind: 'create' }>;
type Task = Extract<PlannedJob, { kind: 'task' }>;

function base(random: Random, id: string, maxAttempts = random.int(2, 4)) {
  return { id, atMs: random.int(0, ADDING_MS), priority: random.pick(PRIORITIES), maxAttempts };
}

/** A create job whose provider behaves. */
export function plainCreate(random: Random, id: string): Create {
  return {
    kind: 'create',
    ...base(random, id),
    payload: {
      instanceId: id,
      name: id,
      productName: 'RTX 4090 24GB',
      templateId: 'template-123',
      gpuNum: 1,
      rootfsSize: 60,
      region: 'CN-HK-01',
      maxWaitTime: 20_000,
    },
    faults: [],
    mayCreateTwice: false,
    endpoint: [],
  };
}

/** How long a list hides an instance from every look-up of its job: only the sweeper, much later, can see it. */
export const HIDDEN_MS = 1_500;
/** Longest that a list may hide a new instance and still be seen by the look-ups after an uncertain create. */
const VISIBLE_LAG_MS = 150;

/** What can go wrong at the provider with one create, each with the job that it goes wrong for. */
export const PROVIDER_FAULTS: Readonly<Record<string, (random: Random, job: Create, match: string) => void>> =
  {
    '500 after create': (_, job, match) => {
      job.faults.push({ kind: 'error_after_create', match, times: 1 });
    },
    'timeout after create': (_, job, match) => {
      const delayMs = PROVIDER_TIMEOUT_MS * 2;
      job.faults.push({ kind: 'slow', when: 'after', delayMs, match, route: CREATE, times: 1 });
    },
    'create carried out late': (_, job, match) => {
      const delayMs = PROVIDER_TIMEOUT_MS * 2;
      job.faults.push({ kind: 'slow', when: 'before', delayMs, match, route: CREATE, times: 1 });
      job.mayCreateTwice = true;
    },
    'reset during create, carried out': (_, job, match) => {
      job.faults.push({ kind: 'reset_after_create', match, times: 1 });
    },
    'reset during create, not carried out': (_, job, match) => {
      job.faults.push({ kind: 'reset', match, route: CREATE, times: 1 });
    },
    'hidden for a moment': (_, job, match) => {
      job.faults.push({ kind: 'list_lag', lagMs: VISIBLE_LAG_MS, match });
    },
    'list lag and a lost answer': (_, job, match) => {
      job.faults.push({ kind: 'list_lag', lagMs: VISIBLE_LAG_MS, match });
      job.faults.push({ kind: 'error_after_create', match, times: 1 });
    },
    'long list lag and a lost answer': (_, job, match) => {
      job.faults.push({ kind: 'list_lag', lagMs: HIDDEN_MS, match });
      job.faults.push({ kind: 'error_after_create', match, times: 1 });
      job.mayCreateTwice = true;
    },
    'duplicate name refused': (_, job, match) => {
      job.faults.push({ kind: 'name_taken', match });
      job.faults.push({ kind: 'list_lag', lagMs: 700, match });
      job.faults.push({ kind: 'error_after_create', match, times: 1 });
    },
    'no capacity in the first region': (_, job, match) => {
      job.payload.regions = ['US-CA-06'];
      job.faults.push({ kind: 'no_capacity', advertised: true, match, times: 1 });
    },
    'no capacity anywhere': (random, job, match) => {
      const times = random.int(1, 8);
      job.faults.push({ kind: 'no_capacity', advertised: true, match, times });
    },
    'rate limited': (random, job, match) => {
      job.faults.push({ kind: 'rate_limited', retryAfter: 1, match, times: random.int(1, 2) });
    },
    'stuck in pulling': (random, job, match) => {
      job.payload.maxWaitTime = random.int(300, 900);
      job.payload.onTimeout = random.pick(['delete', 'stop', 'keep'] as const);
      job.faults.push({ kind: 'stuck_pulling', match });
    },
    'stuck, and the delete fails twice': (_, job, match) => {
      job.payload.maxWaitTime = 400;
      job.faults.push({ kind: 'stuck_pulling', match });
      job.faults.push({ kind: 'error', status: 503, route: DELETE, match, times: 2 });
    },
    'stuck, and the delete is carried out late': (_, job, match) => {
      job.payload.maxWaitTime = 400;
      job.faults.push({ kind: 'stuck_pulling', match }, { kind: 'delete_lag', lagMs: 500, match });
    },
    'running but unhealthy': (random, job, match) => {
      job.payload.maxWaitTime = 800;
      const forMs = random.chance(0.5) ? { forMs: 300 } : {};
      job.faults.push({ kind: 'unhealthy', match, ...forMs });
    },
    'fails to start': (random, job, match) => {
      if (random.chance(0.3)) job.payload.onTimeout = 'keep';
      job.faults.push({ kind: 'start_failed', match });
    },
    vanishes: (random, job, match) => {
      job.faults.push({ kind: 'stuck_pulling', match });
      job.faults.push({ kind: 'vanish', afterMs: random.int(50, 400), match, times: 1 });
      // It may be gone before a worker that took the job over could see it.
      job.mayCreateTwice = true;
    },
    'strange answers to reads': (random, job, match) => {
      for (const answer of random.sample(STRANGE_ANSWERS, random.int(2, 6))) {
        job.faults.push({ ...answer, route: READ, match, times: random.int(1, 2) });
      }
    },
    'a strange answer to a create that was carried out': (random, job, match) => {
      const answers = STRANGE_ANSWERS.filter(({ status = 200 }) => status === 200 || status === 404);
      job.faults.push({ ...random.pick(answers), when: 'after', route: CREATE, match, times: 1 });
    },
    'strange answers to the delete of a stuck instance': (random, job, match) => {
      job.payload.maxWaitTime = 400;
      job.faults.push({ kind: 'stuck_pulling', match });
      for (const answer of random.sample(STRANGE_ANSWERS, 2)) {
        job.faults.push({ ...answer, route: DELETE, match, times: 1 });
      }
    },
    'not found at first': (random, job, match) => {
      job.faults.push({ kind: 'read_lag', lagMs: random.int(50, 400), match });
    },
    'an id beyond 2^53': (_, job, match) => {
      job.faults.push({ kind: 'numeric_id', match });
    },
    'odd elements on short pages': (random, job) => {
      job.faults.push({ kind: 'odd_elements', times: random.int(2, 20) });
      job.faults.push({ kind: 'capped_pages', size: 1, pastEnd: random.pick(['empty', 'repeat'] as const) });
    },
    'reads fail for a while': (random, job, match) => {
      job.faults.push({ kind: 'error', status: 502, match, times: random.int(1, 4) } satisfies FaultInput);
    },
  };

const { read: READ, create: CREATE, delete: DELETE } = NOVITA_ROUTES;
/** Answers that are not the provider's own, or not of the kind that was asked for. They prove nothing. */
const STRANGE_ANSWERS: readonly Extract<FaultInput, { kind: 'answer' }>[] = [
  { kind: 'answer', status: 302, headers: { location: 'http://127.0.0.1:1/' } },
  { kind: 'answer', status: 307, headers: { location: '/v1/gpu/instance' } },
  { kind: 'answer', status: 400, body: '<html>bad request</html>' },
  { kind: 'answer', status: 401, body: '' },
  { kind: 'answer', status: 403, body: '<html>forbidden</html>' },
  { kind: 'answer', status: 404, body: '<html>not found</html>' },
  { kind: 'answer', status: 404, body: '' },
  { kind: 'answer', status: 425, body: '' },
  { kind: 'answer', status: 200, body: '' },
  { kind: 'answer', status: 200, body: 'null' },
  { kind: 'answer', status: 200, body: '<html>welcome</html>' },
  { kind: 'answer', status: 200, body: { code: 500, reason: 'INTERNAL' } },
  { kind: 'answer', status: 200, body: { instances: 'none' } },
  { kind: 'answer', status: 200, body: { instances: [] }, cutAfterBytes: 5 },
  { kind: 'answer', status: 200, body: '{', dribbleMs: 50 },
];

const STEP_ENDS: readonly TaskStep['end'][] = ['ok', 'ok', 'ok', 'throw', 'nap', 'checkpoint', 'next'];

export function task(random: Random, id: string): Task {
  const steps = Array.from({ length: random.int(1, 3) }, () => ({
    ms: random.chance(0.3) ? 0 : random.int(1, 300),
    end: random.pick(STEP_ENDS),
  }));
  return {
    kind: 'task',
    ...base(random, id),
    steps,
    isNew: random.chance(0.5),
    ...(random.chance(0.15) && { delayMs: random.int(100, 800) }),
  };
}

/** A task that waits for signals, and ends with what it was told. It has attempts for all workers that die with it. */
export function waitingTask(random: Random, id: string): Task {
  const steps = [{ ms: random.int(0, 100), end: 'wait', signals: random.int(1, 3) } as const];
  return { ...task(random, id), steps, maxAttempts: 20, isNew: random.chance(0.3) };
}

/** A task that adds children and waits for them. It has attempts for all workers that die with it. */
export function parentTask(random: Random, id: string): Task {
  const steps = [{ ms: random.int(0, 50), end: 'children', children: random.int(1, 5) } as const];
  return { ...task(random, id), steps, maxAttempts: 20, isNew: random.chance(0.3) };
}

/** A task that never succeeds. */
export function hopelessTask(random: Random, id: string): Task {
  const end = random.pick(['throw', 'fatal', 'hang'] as const);
  return { ...task(random, id), steps: [{ ms: random.int(0, 50), end }], timeoutMs: 400 };
}

export const BAD_ENDPOINTS: Readonly<Record<string, (random: Random) => Answer[]>> = {
  down: (random) => many('reset', random.int(2, 5)),
  slow: (random) => many('slow', random.int(1, 3)),
  broken: (random) => many('500', random.int(1, 4)),
  gone: () => ['410'],
  busy: (random) => many('429', random.int(1, 2)),
  resets: (random) => many('reset', random.int(1, 2)),
  'broken for good': () => many('500', 50),
};

function many(answer: Answer, count: number): Answer[] {
  return Array.from({ length: count }, () => answer);
}

export function webhook(random: Random, id: string, endpoint: Answer[] = []): PlannedJob {
  return { kind: 'webhook', ...base(random, id), endpoint };
}

/** Bodies that no worker can run, and one that it can. */
const BODIES = ['{', 'null', '[]', '"text"', '{"gpuNum":"many"}', '\u0000', '{"__proto__":{"x":1}}', '1e999'];

/** A message with headers that its producer has no business with; `others` are ids of jobs of the run. */
export function hostileRaw(random: Random, id: string, others: readonly string[]): PlannedJob {
  const headers = random
    .sample(HOSTILE_HEADERS, random.int(1, 3))
    .map(([name, value]) => [name, value === 'OTHER' ? random.pick(others) : value] as const);
  return { ...raw(random, id), type: 'task', body: '{"steps":[{"ms":1,"end":"ok"}]}', headers } as PlannedJob;
}

export function raw(random: Random, id: string): PlannedJob {
  const type = random.pick(['create_instance', 'send_webhook', 'task']);
  return { kind: 'raw', ...base(random, id), type, body: random.pick(BODIES), bare: random.chance(0.5) };
}

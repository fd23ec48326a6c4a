/** Instances over four providers, each with the faults of its own wire, while workers die; and what users do with those that run. */
import { instanceNameStem } from '../../src/gpu/index.js';
import type { Order } from './plan.js';
import { SIMULATED, type Simulated } from './provider-sims.js';
import type { Random } from './random.js';
import type { Draft, Scenario } from './scenarios.js';
import { type Create, PROVIDER_FAULTS, plainCreate } from './workload.js';

/** What each rents out, and what runs on it. */
const SOLD: Readonly<Record<Simulated, { productName: string; region: string; templateId: string }>> = {
  novita: { productName: 'RTX 4090 24GB', region: 'CN-HK-01', templateId: 'template-123' },
  runpod: { productName: 'RTX 4090', region: 'US-KS-2', templateId: '9x4m2p7v' },
  lambda: { productName: 'A10 (24 GB PCIe)', region: 'us-east-1', templateId: 'lambda-stack-24-04' },
  vast: { productName: 'RTX 4090', region: 'US', templateId: '4e17788f74f075dd9aab7d0d4427968f' },
};
/** The hosts of Vast are so many, so that one of these is always among the providers of a job. */
const BOUNDLESS: readonly Simulated[] = ['novita', 'runpod'];

/** Jobs of a run, unless `--jobs` says so. */
const FEW = 6;
/** Between two jobs: as many as two cores carry, with what else a run does. */
const SPACING_MS = 60;
/** Longer than a busy machine takes to answer. */
const TIMEOUT_MS = 2_000;
/** What is slow comes later than that, and sooner than its job ends that has created another instance by then. */
const SLOW_MS = TIMEOUT_MS + 800;
const POLL_MS = 500;
/** Many jobs keep workers busy, which must not count as silence. */
const PATIENT_ACK_WAIT_MS = 5_000;
/** Enough for all workers that die with a job, and all refusals of a moment. */
const MANY_ATTEMPTS = 30;
const MAX_WAIT_MS = 240_000;
/** For all offers of a job whose instances do not come to run. */
const CHAIN_MS = 6_000;
/** A list without an end, or one of single instances, would take the time of all others. */
const MOST_TIMES = 10;

const RARE = 'vanishes';
/** After these a create may show only once everybody has stopped looking for it, so that another provider may be asked. */
const SHOWN_LATE: readonly string[] = ['duplicate name refused'];
const NAMES = Object.keys(PROVIDER_FAULTS).filter((name) => name !== RARE);
/** Those that leave an instance as it is. */
const HARMLESS = [
  'hidden for a moment',
  'strange answers to reads',
  'not found at first',
  'rate limited',
  '500 after create',
  'odd elements on short pages',
];

export const fleet: Scenario = (random, draft) => {
  const count = prepared(random, draft);
  addKills(random, draft, Math.ceil(count / 40), count * SPACING_MS + 2_000);
  for (let n = 0; n < count; n++) {
    const faults = [
      ...random.sample(NAMES, random.pick([0, 1, 1, 2])),
      ...(random.chance(0.01) ? [RARE] : []),
    ];
    draft.jobs.push(rented(random, draft, faults));
  }
  for (const how of ['down', 'full'] as const) {
    const provider = random.pick(SIMULATED);
    const atMs = random.int(100, count * SPACING_MS);
    draft.faults.push({ kind: 'provider-fails', provider, how, atMs, forMs: random.int(500, 1_500) });
  }
};

/** The orders of an instance take about as long. */
const ORDERED_MS = 15_000;
const PROGRAMS: readonly (readonly Order[])[] = [
  ['stop', 'start', 'delete'],
  ['stop', 'start', 'restart'],
  ['restart', 'migrate'],
  ['migrate', 'delete'],
  ['watch', 'stop'],
  ['lose', 'migrate'],
  ['lose', 'delete'],
  ['stop'],
];

export const fleetOrders: Scenario = (random, draft) => {
  const count = prepared(random, draft);
  addKills(random, draft, 2 + Math.ceil(count / 10), count * SPACING_MS + ORDERED_MS);
  for (let n = 0; n < count; n++) {
    const orders = random.pick(PROGRAMS);
    const faults = random.chance(0.5) ? [random.pick(HARMLESS)] : [];
    // Lambda stops none.
    const isStopped = orders.includes('stop');
    const among = SIMULATED.filter((name) => name !== 'lambda' || !isStopped);
    draft.jobs.push({ ...rented(random, draft, faults, among), orders: [...orders] });
  }
};

/** @returns how many jobs the run has */
function prepared(random: Random, draft: Draft): number {
  const count = jobCount();
  Object.assign(draft, {
    providers: [...SIMULATED],
    providerTimeoutMs: TIMEOUT_MS,
    awaitsWorkers: true,
    ...(count > FEW && { pollIntervalMs: POLL_MS, ackWaitMs: PATIENT_ACK_WAIT_MS }),
  } satisfies Partial<Draft>);
  for (const job of draft.jobs) if (job.kind === 'create') job.maxAttempts = MANY_ATTEMPTS;
  for (let worker = 0; worker < draft.workers; worker++) {
    const nth = random.int(1, Math.max(2, Math.round(count / 20)));
    const failpoint = random.pick(['create.sending', 'create.answered'] as const);
    draft.faults.push({ kind: 'failpoint', worker, atMs: 0, failpoint, nth, action: 'kill', forMs: 0 });
  }
  return count;
}

function addKills(random: Random, draft: Draft, count: number, untilMs: number): void {
  for (let n = count; n > 0; n--) {
    const worker = random.int(0, draft.workers - 1);
    draft.faults.push({ kind: 'kill', worker, atMs: random.int(300, untilMs) });
  }
}

/** A create job that any of some providers may take, most of which are full for it. One of them never is. */
function rented(
  random: Random,
  draft: Draft,
  faultNames: readonly string[],
  among: readonly Simulated[] = SIMULATED,
): Create {
  draft.serial += 1;
  const id = `order-${draft.serial}`;
  const job = plainCreate(random, id);
  const names = random.sample(among, random.int(2, among.length));
  if (!names.some((name) => BOUNDLESS.includes(name))) names.push(random.pick(BOUNDLESS));
  for (const name of faultNames) PROVIDER_FAULTS[name]?.(random, job, instanceNameStem(id));
  const ordered = random.sample(names, names.length);
  const isShort = (job.payload.maxWaitTime ?? 0) < 1_000;
  const isChain = isShort && random.chance(0.5);
  Object.assign(job, { maxAttempts: MANY_ATTEMPTS, atMs: random.int(0, jobCount() * SPACING_MS) });
  job.faults = job.faults.map(inBounds);
  job.mayCreateTwice ||= faultNames.some((name) => SHOWN_LATE.includes(name));
  const room = random.pick(names.filter((name) => BOUNDLESS.includes(name)));
  // At Vast each of 64 hosts would have to refuse.
  const fullAt = names.filter((name) => name !== room && name !== 'vast' && random.chance(0.4));
  const { regions: further = [] } = job.payload;
  const offered = soldBy(ordered);
  job.payload = {
    ...job.payload,
    ...offered,
    regions: [...offered.regions, ...further],
    placement: random.pick(['ordered', 'cheapest', 'fastest'] as const),
    billingModes: random.chance(0.3) ? ['spot', 'on_demand'] : ['on_demand'],
    ...(!isShort && { maxWaitTime: MAX_WAIT_MS }),
    // An instance that does not come to run is deleted, and the next offer tried.
    ...(isChain && { maxWaitTime: CHAIN_MS, offerTimeoutMs: 1_000, onTimeout: 'delete' as const }),
  };
  return { ...job, ...(fullAt.length > 0 && { fullAt }) };
}

/** The fields of a create job by which each of some providers has an offer for it, in this order. */
export function soldBy(names: readonly Simulated[]) {
  const sold = names.map((name) => SOLD[name]);
  const [first = SOLD.novita] = sold;
  return {
    ...first,
    products: unique(sold.map(({ productName }) => productName)).slice(1),
    regions: unique(sold.map(({ region }) => region)).slice(1),
    templateIds: Object.fromEntries(names.map((name) => [name, SOLD[name].templateId])),
    providers: [...names],
  };
}

function jobCount(): number {
  return Number(process.env.FAULT_JOBS || FEW);
}

/** So that a fault is what it was made as where workers wait for longer, and meets a part of the requests of all others. */
function inBounds(fault: Create['faults'][number]): Create['faults'][number] {
  if (fault.kind === 'slow') return { ...fault, delayMs: SLOW_MS };
  const isForAll = fault.match === undefined;
  return isForAll ? { ...fault, times: Math.min(fault.times ?? MOST_TIMES, MOST_TIMES) } : fault;
}

function unique<T>(list: readonly T[]): T[] {
  return [...new Set(list)];
}

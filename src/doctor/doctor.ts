import { hostname } from 'node:os';
import type { Broker } from '../broker/broker.js';
import { checkedProvider } from '../gpu/checked-provider.js';
import type { GpuProvider } from '../gpu/provider.js';
import { DEFAULT_INSTANCE_GRACE_MS, InstanceCheck } from '../instances/check-instances.js';
import { JetfleetError } from '../jobs/errors.js';
import { checkNumber } from '../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../jobs/options.js';
import { isJobType } from '../jobs/vocabulary.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { PROGRESS_OPTIONS, type ProgressOptions } from '../queue/progress-options.js';
import { assertQueue } from '../queue/queue-connection.js';
import { readStats } from '../queue/stats/job-stats.js';
import { QueueFacts } from '../queue/stats/queue-facts.js';
import { DEFAULT_JOB_GRACE_MS, JobCheck } from '../upkeep/check-jobs.js';
import { checkStreams } from '../upkeep/check-streams.js';
import {
  type Check,
  type Diagnosis,
  diagnose,
  type Finding,
  type Mended,
  mendAll,
} from '../upkeep/finding.js';
import { jobChecks } from '../upkeep/job-checks.js';
import { pauseText, scopeText } from '../wire/pauses.js';
import { WORK_KINDS } from '../wire/subjects.js';
import { checkSync, diagnoseServerError } from './check-server.js';
import { checkStores } from './check-stores.js';
import { checkTimeZones } from './check-time-zones.js';

/** From here on the difference is worth knowing, and from there on something is wrong with a clock; ms. */
const CLOCK_ADVICE_MS = 1_000;
const CLOCK_WARNING_MS = 30_000;

export interface DoctorOptions {
  /** The account whose instances are looked at. Defaults to none: instances are not examined. */
  provider?: GpuProvider;
  /** Monitoring page of the nats-server, such as `http://127.0.0.1:8222`. Defaults to none. */
  monitorUrl?: string;
  /**
   * How long something may be overdue, or an instance exist, before it is looked into, in milliseconds. Defaults to
   * one minute for jobs and ten for instances.
   */
  graceMs?: number;
  /** Called with the number of checks that are made. What it throws is logged and goes no further. */
  onProgress?: (done: number) => void;
}

const DOCTOR_OPTIONS: OptionNames<Required<DoctorOptions>> = {
  ...PROGRESS_OPTIONS,
  provider: true,
  monitorUrl: true,
  graceMs: true,
};

export interface Examination {
  findings: Finding[];
  /** Mends what can be mended, and tells what became of it. `onProgress` is called with the number of findings that are done. */
  mend(options?: ProgressOptions): Promise<Mended[]>;
}

/**
 * Looks at everything that can go wrong around a queue: the server, its streams, jobs that nothing brings on, and
 * instances that belong to nobody. Changes nothing unless `mend` is called.
 * @throws BrokerError `JETFLEET_BROKER_UNREACHABLE`
 * @throws ValidationError `JETFLEET_OPTION_INVALID` when `monitorUrl` is no monitoring page, or `graceMs` no number
 */
export async function examine(queue: JobQueueService, options: DoctorOptions = {}): Promise<Examination> {
  assertQueue(queue);
  assertOptions('options', options, DOCTOR_OPTIONS);
  checkText('monitorUrl', options.monitorUrl);
  checkNumber('graceMs', options.graceMs, 0, Number.MAX_SAFE_INTEGER);
  const diagnoses = await diagnoseAll(queue, options);
  const mend = async (options: ProgressOptions = {}) => {
    assertOptions('options', options, PROGRESS_OPTIONS);
    return mendAll(diagnoses, reporter(queue, options));
  };
  return { findings: diagnoses.map(({ finding }) => finding), mend };
}

function reporter(queue: JobQueueService, { onProgress }: ProgressOptions): (done: number) => void {
  return onProgress ? (done) => queue.userCode.run('onProgress', () => onProgress(done)) : () => {};
}

async function diagnoseAll(queue: JobQueueService, options: DoctorOptions): Promise<Diagnosis[]> {
  const { monitorUrl, provider, graceMs } = options;
  let broker: Broker;
  try {
    broker = await queue.brokerAsItIs();
  } catch (error) {
    return [diagnoseServerError(error), ...(await checkSync(monitorUrl))];
  }
  let made = 0;
  const report = reporter(queue, options);
  const look = (checks: Check[]) => lookAtAll(queue, checks, () => report(++made));
  const found = await look([
    {
      name: 'flushing to disk',
      look: async () => checkSync(monitorUrl, await fewestReplicas(broker), broker.sync),
    },
    { name: 'clocks', look: () => checkClock(broker) },
    { name: 'stores', look: () => checkStores(broker, monitorUrl) },
    { name: 'streams', look: () => checkStreams(broker) },
  ]);
  // What lies in streams can only be read where they are.
  if (found.some(({ finding }) => finding.code === 'stream_missing')) return found;
  const jobGraceMs = graceMs ?? DEFAULT_JOB_GRACE_MS;
  const jobCheck = new JobCheck(broker, { graceMs: jobGraceMs });
  const jobs = await look(jobChecks(queue, broker, jobCheck, jobGraceMs));
  const rest = await look([
    // After the messages were looked at, all types are known.
    { name: 'types and pauses', look: () => checkStats(broker) },
    { name: 'time zones', look: () => checkTimeZones(broker) },
  ]);
  const instances = provider
    ? await look([{ name: 'instances', look: () => checkInstances(broker, provider, graceMs) }])
    : [];
  return [...found, ...rest, ...jobs, ...instances];
}

/**
 * What checks find, one after the other. One that fails keeps no other from its turn, and is a finding itself.
 * @throws what a check throws while the broker is away, which would fail all others too, or for an option that makes no sense
 */
async function lookAtAll(
  queue: JobQueueService,
  checks: readonly Check[],
  onMade: () => void,
): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  for (const { name, look } of checks) {
    try {
      found.push(...(await look()));
    } catch (error) {
      if (queue.isConnected === false || JetfleetError.is(error, 'JETFLEET_OPTION_INVALID')) throw error;
      found.push(diagnose('check_failed', name, error instanceof Error ? error.message : String(error)));
    }
    onMade();
  }
  return found;
}

/** How many copies the least copied stream has; undefined while there is none. */
async function fewestReplicas({ topology }: Broker): Promise<number | undefined> {
  const infos = await Promise.allSettled(
    ([...WORK_KINDS, 'events'] as const).map((kind) => topology.streamInfo(kind)),
  );
  const replicas = infos.flatMap((info) =>
    info.status === 'fulfilled' ? info.value.config.num_replicas : [],
  );
  return replicas.length > 0 ? Math.min(...replicas) : undefined;
}

async function checkClock({ clock }: Broker): Promise<Diagnosis[]> {
  await clock.measure();
  const offsetMs = clock.localOffsetMs;
  if (Math.abs(offsetMs) < CLOCK_ADVICE_MS) return [];
  const side = offsetMs > 0 ? 'ahead of' : 'behind';
  const message = `its clock is ${Math.round(Math.abs(offsetMs) / 1_000)} s ${side} the clock of the broker; set up NTP on both`;
  const severity = Math.abs(offsetMs) > CLOCK_WARNING_MS ? 'warning' : 'info';
  return [diagnose('clock_offset', hostname(), message, undefined, { severity })];
}

/** Pauses, and types that no worker takes. */
async function checkStats(broker: Broker): Promise<Diagnosis[]> {
  const { unhandledTypes, byType, paused } = await readStats(new QueueFacts(broker));
  const pauses = paused.map((pause) => diagnose('paused', scopeText(pause), pauseText(pause)));
  // What no worker can have is found by its messages.
  const unhandled = unhandledTypes.filter(isJobType).map((type) => {
    const waiting = byType[type]?.pending ?? 0;
    const message = `${waiting} jobs wait; start a worker with a handler, or cancel them`;
    return diagnose('type_unhandled', type, message);
  });
  return [...pauses, ...unhandled];
}

function checkInstances(
  broker: Broker,
  provider: GpuProvider,
  graceMs = DEFAULT_INSTANCE_GRACE_MS,
): Promise<Diagnosis[]> {
  return new InstanceCheck(broker, checkedProvider(provider), { graceMs, looksOnce: true }).look();
}

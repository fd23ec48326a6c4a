import { setTimeout as delay } from 'node:timers/promises';
import type { EventFeed } from '../broker/consume/event-feed.js';
import { checkNumber } from '../jobs/numbers.js';
import { assertFunction, assertOptions } from '../jobs/options.js';
import { STATES, statusOf } from '../jobs/vocabulary.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { assertQueue } from '../queue/queue-connection.js';
import { type Watch, watchMachines } from './fleet.js';
import { type FleetMachine, FleetStates, type StandingJob } from './fleet-states.js';
import { JobMoves, pathOf } from './job-moves.js';

/** The machines of a fleet at one moment. */
export interface FleetPicture {
  /** ISO 8601, by the broker's clock. */
  at: string;
  machines: FleetMachine[];
}

export interface FleetWatch extends Watch {
  /** The jobs whose machine stands in a state now, those that have been there longest first. */
  jobsIn(machine: string, state: string, limit?: number): { jobs: StandingJob[]; count: number };
}

/** What a worker does not tell is asked for again after so long. */
const ROUND_MS = 20_000;
/** Within which busy workers answer. */
const ANSWER_MS = 5_000;
const RETRY_MS = 1_000;
const JOB = 'job';

/**
 * Follows all machines of a fleet: how many stand in each state, which edges they take, and how long they stayed in the states that they
 * have left. Jobs are counted by the queue; other machines only while a worker runs them.
 * @param options.everyMs between two pictures, 100 ms to a minute. Defaults to 1,000
 * @param onPicture what it throws, or rejects with, is logged and counted in `queue.callbackFailures`
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export async function watchFleet(
  queue: JobQueueService,
  options: { everyMs?: number },
  onPicture: (picture: FleetPicture) => unknown,
): Promise<FleetWatch> {
  assertQueue(queue);
  assertOptions('options', options, { everyMs: true });
  const { everyMs = 1_000 } = options;
  checkNumber('everyMs', everyMs, 100, 60_000);
  assertFunction('onPicture', onPicture);
  const states = new FleetStates();
  const ended = new AbortController();
  // Steps of jobs are told by their records, which are complete.
  const watch = await watchMachines(queue, {}, (record) => {
    if (record.machine !== JOB) states.note(record);
  });
  void followJobs(queue, states, ended.signal);
  let roundEnd: NodeJS.Timeout | undefined;
  const rounds = setInterval(() => {
    states.beginRound();
    watch.again();
    roundEnd = setTimeout(() => states.endRound(), ANSWER_MS);
    roundEnd.unref();
  }, ROUND_MS);
  let isShowing = false;
  const show = async () => {
    // A broker that is slow must not be asked the same twice.
    if (isShowing) return;
    isShowing = true;
    const machines = await withJobs(queue, states);
    isShowing = false;
    if (ended.signal.aborted) return;
    const picture = { at: new Date(queue.now()).toISOString(), machines };
    queue.userCode.run('watch callback', () => onPicture(picture));
  };
  const pictures = setInterval(() => void show(), everyMs);
  const close = async () => {
    ended.abort();
    clearInterval(rounds);
    clearInterval(pictures);
    clearTimeout(roundEnd);
    await watch.close();
  };
  return {
    jobsIn: (machine, state, limit = 100) => states.jobsIn(machine, state, limit),
    again: () => watch.again(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function followJobs(queue: JobQueueService, states: FleetStates, signal: AbortSignal): Promise<void> {
  const moves = new JobMoves();
  for (let nextSeq: number | undefined; !signal.aborted; ) {
    let feed: EventFeed | undefined;
    try {
      feed = await queue.feed(nextSeq === undefined ? {} : { fromSeq: nextSeq });
      signal.addEventListener('abort', () => void feed?.close(), { once: true });
      if (signal.aborted) await feed.close();
      for await (const { seq, record } of feed) {
        nextSeq = seq + 1;
        for (const { from, to, stayedMs } of moves.of(record))
          states.noteMove(JOB, { from, to, event: '' }, stayedMs);
      }
    } catch (err) {
      queue.logger.debug({ err }, 'cannot follow the events now; trying again');
    }
    await delay(RETRY_MS, undefined, { ref: false });
  }
}

async function withJobs(queue: JobQueueService, states: FleetStates): Promise<FleetMachine[]> {
  const counts = await jobCounts(queue);
  const machines = states.picture();
  const jobs = machines.find(({ id }) => id === JOB) ?? {
    id: JOB,
    running: 0,
    counts: {},
    times: {},
    moved: [],
  };
  const others = machines.filter(({ id }) => id !== JOB);
  if (!counts) return machines;
  const running = (counts.pending ?? 0) + (counts.processing ?? 0);
  return [{ ...jobs, running, counts }, ...others];
}

async function jobCounts(queue: JobQueueService): Promise<Record<string, number> | undefined> {
  if (queue.isConnected === false) return undefined;
  try {
    return await countJobs(queue);
  } catch (err) {
    queue.logger.debug({ err }, 'cannot count the jobs now');
    return undefined;
  }
}

/** How many jobs stand in each state of their chart. Those within `failed` are left out until they are counted. */
export async function countJobs(queue: JobQueueService): Promise<Record<string, number>> {
  const [stats, failed] = await Promise.all([queue.getStats(), queue.failedStates.count()]);
  const { pendingJobs, processingJobs, scheduledJobs, retryingJobs, waitingJobs } = stats;
  const within = failed.isCounting ? [] : STATES.filter((state) => statusOf(state) === 'failed');
  return {
    pending: pendingJobs,
    'pending.queued': Math.max(0, pendingJobs - scheduledJobs - retryingJobs),
    'pending.scheduled': scheduledJobs,
    'pending.retrying': retryingJobs,
    processing: processingJobs,
    'processing.running': Math.max(0, processingJobs - waitingJobs),
    'processing.waiting': waitingJobs,
    completed: stats.completedJobs,
    failed: stats.failedJobs,
    ...Object.fromEntries(within.map((state) => [pathOf(state), failed.counts.get(state) ?? 0])),
  };
}

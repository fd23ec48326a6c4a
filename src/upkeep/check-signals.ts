import type { Broker } from '../broker/broker.js';
import { inParts } from '../jobs/in-parts.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { DEFAULT_EVENTS_MAX_AGE_MS } from '../jobs/limits.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { cancelJob } from '../queue/job-cancel.js';
import { findJob } from '../queue/job-lookup.js';
import { forgetSignals, settleWaits } from '../queue/waiting/settle-waits.js';
import { allOfJob } from '../wire/signal-subjects.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Jobs of one check; the next one goes on with those that are left. */
const MAX_JOBS = 10_000;
const PARALLEL = 64;
/** How long a signal is kept for an id that nobody uses: it may come before its job. */
const KEPT_FOR_NOBODY_MS = DEFAULT_EVENTS_MAX_AGE_MS;

/**
 * Finds signals and ends of children that nobody will read: their job has ended, or never came. Whoever ends a job removes them;
 * what a crash has left is found here.
 */
export async function checkSignals(broker: Broker, graceMs: number): Promise<Diagnosis[]> {
  const { signals, topology, clock } = broker;
  if (!(await signals.exists())) return [];
  const { state } = await topology.streamInfo('signals', '>');
  const ids = new Set<string>();
  for (const subject of Object.keys(state.subjects ?? {})) {
    const [, id = ''] = subject.slice(broker.subjects.prefix.length).split('.');
    if (isJobId(id)) ids.add(id);
    if (ids.size >= MAX_JOBS) break;
  }
  const nowMs = clock.now();
  const found = await inParts([...ids], PARALLEL, (id) => examine(broker, id, nowMs, graceMs));
  return found.flatMap((each) => each ?? []);
}

async function examine(
  broker: Broker,
  id: string,
  nowMs: number,
  graceMs: number,
): Promise<Diagnosis | undefined> {
  const job = (await broker.lastEvent(id))?.record ?? (await findJob(broker, id));
  if (job && !isTerminal(job.status)) return undefined;
  const untilMs = job ? Date.parse(job.finishedAt ?? job.updatedAt) : await lastAt(broker, id);
  if (nowMs - untilMs < (job ? graceMs : KEPT_FOR_NOBODY_MS)) return undefined;
  const why = job ? `job ${id} is ${job.state} since ${job.updatedAt}` : `no job has used the id ${id}`;
  const since = new Date(untilMs).toISOString();
  return diagnose(
    'signal_left_over',
    id,
    `${why}, and signals to it are stored`,
    () => remove(broker, id, job),
    {
      since,
    },
  );
}

async function lastAt({ signals, subjects }: Broker, id: string): Promise<number> {
  const last = await signals.stream.find(undefined, (read, stream) =>
    read.last(stream, allOfJob(subjects, id)),
  );
  return last?.timeMs ?? Number.POSITIVE_INFINITY;
}

/** Children of a job that was cancelled by somebody who died then are cancelled here. */
async function remove(broker: Broker, id: string, job: JobRecord | undefined): Promise<string> {
  if (job) await settleWaits(broker, { ...job, waits: job.waits ?? {} }, cancelJob);
  else await forgetSignals(broker, id);
  return 'removed';
}

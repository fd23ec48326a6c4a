import type { Broker } from '../broker/broker.js';
import { inParts } from '../jobs/in-parts.js';
import { isCarried } from '../queue/job-carriers.js';
import { timerTime } from '../queue/timer-time.js';
import { ClaimCheck } from './check-claims.js';
import { MESSAGE_KINDS, MessageCheck } from './check-messages.js';
import { TagCheck } from './check-tags.js';
import { type Check, type Diagnosis, diagnose, type FindingCode } from './finding.js';
import { publishAgain, queueAgain, removeFailure, setTimerAgain } from './mend-job.js';
import { type OpenJob, type OpenJobNote, OpenJobs, type Redrive } from './open-jobs.js';

export interface JobCheckOptions {
  /** How long past its time a job may be before it is examined, in milliseconds. Defaults to one minute. */
  graceMs?: number;
  lookBack?: number;
  maxMessages?: number;
  maxOpen?: number;
}

export const DEFAULT_JOB_GRACE_MS = 60_000;
/** A running job shows no sign of life but its message, so nothing is concluded before several leases are over. */
const LEASES = 4;
const PARALLEL = 32;
/** Failures of one job that one check removes at most; there is rarely more than one. */
const MAX_FAILURES = 50;

interface Waits {
  ackWaitMs: number;
  eventsMaxAgeMs: number;
}

/** Finds jobs that nothing will bring on (no message, no timer), and what is left of jobs that have ended. */
export class JobCheck {
  readonly #broker: Broker;
  readonly #graceMs: number;
  readonly #jobs: OpenJobs;
  readonly #messages: MessageCheck;
  readonly #tags: TagCheck;
  readonly #claims: ClaimCheck;

  constructor(
    broker: Broker,
    { graceMs = DEFAULT_JOB_GRACE_MS, lookBack, maxMessages, maxOpen }: JobCheckOptions = {},
  ) {
    this.#broker = broker;
    this.#graceMs = graceMs;
    this.#jobs = new OpenJobs(broker, lookBack, maxOpen);
    this.#messages = new MessageCheck(broker, maxMessages);
    this.#tags = new TagCheck(broker, maxMessages);
    this.#claims = new ClaimCheck(broker, maxMessages);
  }

  /** Its parts, for one look. Each can be done without the others. */
  get checks(): Check[] {
    let known: Waits | undefined;
    const waits = async () => {
      // All consumers are asked for it.
      known ??= await this.#broker.topology.effective();
      return known;
    };
    /** How long a job must have ended before what it has left is left over. */
    const leftAfterMs = async () => Math.max(this.#graceMs, LEASES * (await waits()).ackWaitMs);
    return [
      { name: 'open jobs', look: async () => this.#checkOpen(await waits()) },
      ...MESSAGE_KINDS.map((kind) => ({
        name: `messages of ${kind}`,
        look: async () => this.#messages.run(kind, await leftAfterMs()),
      })),
      { name: 'index of tags', look: async () => this.#tags.run(await leftAfterMs()) },
      { name: 'unique keys', look: async () => this.#claims.run(await leftAfterMs()) },
    ];
  }

  async run(): Promise<Diagnosis[]> {
    const found: Diagnosis[] = [];
    for (const { look } of this.checks) found.push(...(await look()));
    return found;
  }

  async #checkOpen(waits: Waits): Promise<Diagnosis[]> {
    await this.#jobs.readOn();
    const now = this.#broker.clock.now();
    const isOver = (sinceMs: number) => now - sinceMs >= this.#graceMs;
    const overdue = this.#jobs.open.filter((job) => isOver(dueMs(job, waits)));
    const redrives = this.#jobs.redrives.filter(({ at }) => isOver(Date.parse(at)));
    return [
      ...(await inParts(overdue, PARALLEL, (job) => this.#examine(job))).flat(),
      ...(await inParts(redrives, PARALLEL, (redrive) => this.#leftOver(redrive))).flat(),
    ];
  }

  async #examine(job: OpenJobNote): Promise<Diagnosis[]> {
    if (await isCarried(this.#broker, job)) return [];
    // It may have moved on between the two reads, or its end was among the events that were skipped.
    const last = await this.#broker.lastEvent(job.id);
    if (last?.seq === job.seq && last.record)
      return [diagnosisOf(this.#broker, { ...last, record: last.record })];
    this.#jobs.note(job.id, last);
    return [];
  }

  /** A redrive removes the failure that it follows; one that died before that leaves the job in two lists. */
  async #leftOver(redrive: Redrive): Promise<Diagnosis[]> {
    const { id, type, seq, at } = redrive;
    const { subjects, read } = this.#broker;
    const filter = subjects.event(type, 'failed', id);
    const failures = await read.page(subjects.streamName('events'), filter, 1, MAX_FAILURES);
    const older = failures.filter((failure) => failure.seq < seq);
    if (older.length === 0) this.#jobs.done(redrive);
    return older.map((failure) => {
      const message = `event ${failure.seq} says FAILED, event ${seq} that it was retried`;
      const mend = () => removeFailure(this.#broker, failure.seq);
      return diagnose('failure_left_over', id, message, mend, { since: at });
    });
  }
}

function diagnosisOf(broker: Broker, job: OpenJob): Diagnosis {
  const { id, state, updatedAt, worker, nextRunAt } = job.record;
  const found = (code: FindingCode, what: string, mend: typeof queueAgain) =>
    diagnose(code, id, `${state} since ${updatedAt}${what}`, () => mend(broker, job), { since: updatedAt });
  switch (state) {
    case 'running':
      return found('processing_stale', ` by ${worker}, and its message is gone`, queueAgain);
    case 'queued':
      return found('job_without_message', ', and no message is in the stream', publishAgain);
    default:
      return found('job_without_timer', `, due at ${nextRunAt}, and has no timer`, setTimerAgain);
  }
}

/** From when on somebody should have done something about the job. */
function dueMs(
  { state, nextRunAt, updatedAt, limited }: OpenJobNote,
  { ackWaitMs, eventsMaxAgeMs }: Waits,
): number {
  const updated = Date.parse(updatedAt);
  if (state === 'running') return updated + LEASES * ackWaitMs;
  // One that waits for a permit is called, or comes back in time by its timer.
  if (limited) return updated + eventsMaxAgeMs / 2;
  const due = Math.max(updated, nextRunAt === undefined ? 0 : Date.parse(nextRunAt));
  return timerTime(due, updated, eventsMaxAgeMs);
}

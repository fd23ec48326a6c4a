import { PerSecond } from '../broker/connection/notices.js';
import { assertJobId } from '../jobs/job-id.js';
import { checkNumber } from '../jobs/numbers.js';
import { assertFunction, assertOptions, checkName } from '../jobs/options.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { assertQueue } from '../queue/queue-connection.js';
import type { InspectionRecord, WorkerInfo } from '../wire/inspection.js';
import type { DrainOrder, WatchNotice, WorkersQuestion } from '../wire/notice-messages.js';
import { ANY } from '../wire/subjects.js';
import { readRecord, readWorker } from './answers.js';

/** A worker that is busy may take so long to answer. */
const GATHER_MS = 2_000;
/** Well below the time after which a worker takes it that nobody watches. */
const REPEAT_MS = 2_000;

/** Records beyond these are lost, as if they had never arrived: anybody can send them. */
const MAX_RECORDS_PER_SECOND = 5_000;
const MAX_RECORD_BYTES = 256 * 1024;

/** Every worker that answers within two seconds, by name. */
export async function listWorkers(queue: JobQueueService): Promise<WorkerInfo[]> {
  assertQueue(queue);
  const { notices, subjects } = await queue.brokerAsItIs();
  const answers = await notices.ask(subjects.notices.workersAsked(), {} satisfies WorkersQuestion, GATHER_MS);
  const workers = answers.flatMap((answer) => readWorker(answer) ?? []);
  return workers.sort((a, b) => a.name.localeCompare(b.name));
}

/** How long a drained worker takes no jobs, unless the order says otherwise. */
export const DEFAULT_DRAIN_MS = 60 * 60 * 1000;
/** The longest that an order can say. */
export const MAX_DRAIN_MS = 24 * 60 * 60 * 1000;

/**
 * Tells a worker to take no more jobs, while those that it runs go on; or, with `false`, to take them again. It does
 * nothing where there is no worker of this name, while it is starting, or where it obeys no orders (`remoteDrain: false`).
 * @param options.forMs after so long the worker takes jobs again by itself: 1 ms to 24 hours. Defaults to one hour
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
export async function drainWorker(
  queue: JobQueueService,
  name: string,
  drain = true,
  options: { forMs?: number } = {},
): Promise<void> {
  assertQueue(queue);
  checkName('worker', name ?? null);
  assertOptions('options', options, { forMs: true });
  const { forMs = DEFAULT_DRAIN_MS } = options;
  checkNumber('forMs', forMs, 1, MAX_DRAIN_MS);
  const { notices, subjects } = await queue.broker();
  const order: DrainOrder = { worker: name, drain, ...(drain && { forMs }) };
  notices.tell(subjects.notices.drainOrdered(), order);
}

/** A running watch. */
export interface Watch extends AsyncDisposable {
  /** Asks all workers again where their machines stand. */
  again(): void;
  close(): Promise<void>;
}

/**
 * Hears what the state machines do from now on, of one job or of all and of the workers themselves, beginning with
 * where each stands. Records can be lost, as nothing is stored: their `seq` then has a gap.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_ID_INVALID`
 * @param onRecord what it throws, or rejects with, is logged and counted in `queue.callbackFailures`
 */
export async function watchMachines(
  queue: JobQueueService,
  options: { jobId?: string },
  onRecord: (record: InspectionRecord) => unknown,
): Promise<Watch> {
  assertQueue(queue);
  assertOptions('options', options, { jobId: true });
  assertFunction('onRecord', onRecord);
  const { jobId } = options;
  if (jobId !== undefined) assertJobId(jobId);
  const { notices, subjects } = await queue.broker();
  const budget = new PerSecond(MAX_RECORDS_PER_SECOND);
  const onNotice = (body: object) => {
    const record = budget.take() ? readRecord(body) : undefined;
    if (record) queue.userCode.run('watch callback', () => onRecord(record));
  };
  const stopHearing = notices.hear(
    subjects.notices.inspection(ANY, jobId ?? ANY),
    onNotice,
    MAX_RECORD_BYTES,
  );
  const about: WatchNotice = jobId === undefined ? {} : { jobId };
  const again = () =>
    notices.tell(subjects.notices.watched(), { ...about, begins: true } satisfies WatchNotice);
  again();
  const timer = setInterval(() => {
    if (notices.isClosed) clearInterval(timer);
    else notices.tell(subjects.notices.watched(), about);
  }, REPEAT_MS);
  const close = async () => {
    clearInterval(timer);
    stopHearing();
  };
  return { again, close, [Symbol.asyncDispose]: close };
}

import type { JobQueueService } from '../queue/job-queue-service.js';
import type { InspectionRecord, WorkerInfo } from '../wire/inspection.js';

export { type KnownChart, listCharts } from './known-charts.js';

/** A worker that is busy may take so long to answer. */
const GATHER_MS = 2_000;
/** Well below the time after which a worker takes it that nobody watches. */
const REPEAT_MS = 2_000;

/** Every worker that answers within two seconds, by name. */
export async function listWorkers(queue: JobQueueService): Promise<WorkerInfo[]> {
  const { notices, subjects } = await queue.broker();
  const answers = await notices.ask(subjects.workersAsked(), {}, GATHER_MS);
  const workers = answers.filter((answer) => typeof answer.name === 'string') as unknown as WorkerInfo[];
  return workers.sort((a, b) => a.name.localeCompare(b.name));
}

/**
 * Tells a worker to take no more jobs, while those that it runs go on; or, with `false`, to take them again. It does
 * nothing where there is no worker of this name.
 */
export async function drainWorker(queue: JobQueueService, name: string, drain = true): Promise<void> {
  const { notices, subjects } = await queue.broker();
  notices.tell(subjects.drainOrdered(), { worker: name, drain });
}

/** A running watch. */
export interface Watch extends AsyncDisposable {
  close(): Promise<void>;
}

/**
 * Hears what the state machines do from now on, of one job or of all and of the workers themselves, beginning with
 * where each stands. Records can be lost, as nothing is stored: their `seq` then has a gap.
 */
export async function watchMachines(
  queue: JobQueueService,
  { jobId }: { jobId?: string },
  onRecord: (record: InspectionRecord) => void,
): Promise<Watch> {
  const { notices, subjects } = await queue.broker();
  const stopHearing = notices.hear(subjects.inspection('*', jobId ?? '*'), (body) => {
    if (body.v === 1 && typeof body.kind === 'string') onRecord(body as unknown as InspectionRecord);
  });
  const about = jobId === undefined ? {} : { jobId };
  notices.tell(subjects.watched(), { ...about, begins: true });
  const timer = setInterval(() => {
    if (notices.isClosed) clearInterval(timer);
    else notices.tell(subjects.watched(), about);
  }, REPEAT_MS);
  const close = async () => {
    clearInterval(timer);
    stopHearing();
  };
  return { close, [Symbol.asyncDispose]: close };
}

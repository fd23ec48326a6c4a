/** The orders of lists: which sources they read, one group after the other, and each group merged by time. */
import type { Broker } from '../../broker/broker.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { type JobPriority, type JobStatus, PRIORITIES } from '../../jobs/vocabulary.js';
import { ANY, type TimerReason, WORK_KINDS, type WorkKind } from '../../wire/subjects.js';
import type { JobFilter } from './job-filter.js';
import type { Direction, Source, Sources } from './sources.js';
import { deliveredBounds } from './work-jobs.js';

export interface ListOrder {
  /** Begins its cursors. */
  letter: string;
  direction: Direction;
  groups: Source[][];
}

const STATUSES_BY_START: readonly JobStatus[] = ['processing', 'pending', 'completed', 'failed'];

const isProcessing = ({ status }: JobRecord) => status === 'processing';
const isPending = ({ status }: JobRecord) => status === 'pending';

/**
 * Processing, pending (critical first, then oldest first), completed, failed; oldest first in each source. A waiting job that is
 * due but has no free slot yet stands in its place in the queue.
 */
export function orderByStart(broker: Broker, filter: JobFilter, sources: Sources): ListOrder {
  const bounds = deliveredBounds(broker, filter.type);
  const places = (filter.priority ? [filter.priority] : PRIORITIES).flatMap((priority) =>
    WORK_KINDS.map((kind) => ({ kind, priority })),
  );
  const work = (sourceOf: (kind: WorkKind, priority: JobPriority) => Source) =>
    places.map(({ kind, priority }) => sourceOf(kind, priority));
  const timers = (reason: TimerReason, status?: JobStatus) =>
    work((kind, priority) => sources.timers(kind, reason, priority, status));
  const sourcesOf = (status: JobStatus): Source[] => {
    if (status === 'completed' || status === 'failed') return [sources.ended(status)];
    if (status === 'pending') {
      const queued = work((kind, priority) =>
        sources.work(kind, priority, {
          fits: async (job, seq) =>
            isPending(job) || (!filter.status && isProcessing(job) && seq > (await bounds(kind, priority))),
          untouched: true,
        }),
      );
      return [
        ...queued,
        ...timers('limited', status),
        ...WORK_KINDS.flatMap((kind) => sources.scheduled(kind)),
        ...timers('retrying'),
      ];
    }
    // Jobs among the delivered messages run, whether their worker lives or not.
    const delivered = work((kind, priority) =>
      sources.work(kind, priority, { fits: isProcessing, last: () => bounds(kind, priority) }),
    );
    // Jobs whose timer has fired and that wait behind the backlog; in a list of all statuses they are among the pending.
    const first = async (kind: WorkKind, priority: JobPriority) => (await bounds(kind, priority)) + 1;
    const backlog = work((kind, priority) =>
      sources.work(kind, priority, { fits: isProcessing, first: () => first(kind, priority) }),
    );
    return [
      ...delivered,
      ...timers('waiting'),
      ...timers('limited', status),
      ...(filter.status ? backlog : []),
    ];
  };
  const statuses = filter.status ? [filter.status] : STATUSES_BY_START;
  const groups = statuses.flatMap(sourcesOf).map((source) => [source]);
  return { letter: 's', direction: 'oldest', groups };
}

/** By when the message was stored that a job is listed by: all sources merged. */
export function orderByTime(
  broker: Broker,
  { type, priority, status, order = 'oldest' }: JobFilter,
  sources: Sources,
): ListOrder {
  const wants = (each: JobStatus) => !status || status === each;
  const workOf = (kind: WorkKind): Source[] => {
    const fits = (job: JobRecord) => isPending(job) || isProcessing(job);
    const limits = { fits, untouched: true, isPending: status === 'pending' };
    if (status !== 'processing') return [sources.work(kind, priority ?? ANY, limits)];
    // What nobody has been given yet does not run. Consumers of each priority have come a different way.
    const bounds = deliveredBounds(broker, type);
    return (priority ? [priority] : PRIORITIES).map((each) =>
      sources.work(kind, each, { ...limits, last: () => bounds(kind, each) }),
    );
  };
  const unfinished = WORK_KINDS.flatMap((kind) => [
    ...workOf(kind),
    ...(wants('processing') ? [sources.timers(kind, 'waiting', priority ?? ANY)] : []),
    ...(wants('pending') ? [sources.timers(kind, 'retrying', priority ?? ANY)] : []),
    ...(wants('pending') ? sources.scheduled(kind) : []),
    ...(wants('pending') || wants('processing')
      ? [sources.timers(kind, 'limited', priority ?? ANY, status)]
      : []),
  ]);
  const ended = (['completed', 'failed'] as const).filter(wants).map((each) => sources.ended(each));
  const hasUnfinished = wants('pending') || wants('processing');
  return {
    letter: order === 'newest' ? 'n' : 'o',
    direction: order,
    groups: [[...ended, ...(hasUnfinished ? unfinished : [])]],
  };
}

import { BrokerError } from '../../jobs/errors.js';
import type { Logger } from '../../telemetry/logger.js';
import { type Drift, formatDrift, isForeign, OTHER_NAMESPACE } from './drift.js';

export interface TopologyReport {
  /** Names of what was missing and has been made. */
  created: string[];
  /** Names of what was there and fits. */
  unchanged: string[];
  /** Names of what is missing still; only `Topology.inspect` leaves any. */
  missing: string[];
  drift: Drift[];
  /** Names of streams with one copy in a cluster, where nobody has said how many. */
  singleCopies: string[];
  /** Types without all of their consumers, because the server or the account allows no more. Their jobs wait. */
  refusedTypes: string[];
}

/** What single copies mean, and the way out. */
export const SINGLE_COPIES =
  'streams have one copy each, but the server belongs to a cluster. A stream is away while the server that holds it is, and lost with its disk. Set the number of copies with --replicas or JETFLEET_REPLICAS. "jetfleet doctor --replicas 3 --fix" raises it for streams that exist';

const MAX_NAMED = 20;

/** Logs what only costs comfort. @throws BrokerError `JETFLEET_STREAM_DRIFT` with the whole diff for what could cost jobs */
export function assertSafe(report: TopologyReport, logger: Logger): void {
  const advice = report.drift.filter(({ severity }) => severity === 'advice');
  if (advice.length > 0) logger.warn({ drift: advice }, 'streams differ from what Jetfleet would choose');
  const { singleCopies } = report;
  if (singleCopies.length > 0) logger.warn({ streams: singleCopies }, SINGLE_COPIES);
  const error = dangerIn(report);
  if (error) throw error;
}

/** @throws BrokerError `JETFLEET_CONSUMER_LIMIT` where not all types have their consumers */
export function assertAllowed({ refusedTypes }: Pick<TopologyReport, 'refusedTypes'>): void {
  if (refusedTypes.length === 0) return;
  const named = refusedTypes.slice(0, MAX_NAMED).join(', ');
  const more = refusedTypes.length > MAX_NAMED ? ` and ${refusedTypes.length - MAX_NAMED} more` : '';
  const why = `the server allows no more consumers, so nobody can take jobs of ${named}${more}: a type needs four. Raise max_consumers of the account or the stream, then restart the worker`;
  throw new BrokerError('JETFLEET_CONSUMER_LIMIT', why, { retryable: true });
}

/** What could cost jobs, as an error that may pass once somebody has set the streams as wanted. */
export function dangerIn({ drift }: TopologyReport): BrokerError | undefined {
  const danger = drift.filter(({ severity }) => severity === 'danger');
  if (danger.length === 0) return undefined;
  const why = `${whatDiffers(danger)}:\n${formatDrift(danger)}`;
  return new BrokerError('JETFLEET_STREAM_DRIFT', why, { retryable: true });
}

function whatDiffers(danger: readonly Drift[]): string {
  const foreign = danger.filter(isForeign).map(({ target }) => target);
  if (foreign.length > 0)
    return `${foreign.join(', ')} was not created by Jetfleet and is left as it is; ${OTHER_NAMESPACE}`;
  return `the broker differs from what Jetfleet needs to keep jobs safe; set it as wanted, for example with "jetfleet doctor --fix", or ${OTHER_NAMESPACE}`;
}

/** A stream of somebody else gets no consumers of ours. */
export function isForeignIn({ drift }: TopologyReport, stream: string): boolean {
  return drift.some((each) => each.target === `stream ${stream}` && isForeign(each));
}

/** Two reports as one. */
export function joined(one: TopologyReport, other: TopologyReport): TopologyReport {
  return {
    created: [...one.created, ...other.created],
    unchanged: [...one.unchanged, ...other.unchanged],
    missing: [...one.missing, ...other.missing],
    drift: [...one.drift, ...other.drift],
    singleCopies: [...one.singleCopies, ...other.singleCopies],
    refusedTypes: [...one.refusedTypes, ...other.refusedTypes],
  };
}

/** How long webhooks took, and where they waited: by the records of their jobs, which show it on a busy machine too. */
import type { JobQueueService } from 'jetfleet';
import { percentile } from '../statistics.js';
import { chunksOf } from '../systems/system.js';

/** A webhook that has arrived. */
export interface Arrival {
  jobId: string;
  addedMs: number;
  arrivedMs: number;
}

export interface Waits {
  p50Ms: number;
  p99Ms: number;
  /** From the add to the claim: the store, the way to the worker, a slot and the permit of the endpoint. */
  claimP99Ms: number;
  /** From the claim to the receiver. */
  sendP99Ms: number;
  /** Webhooks that had no permit of their endpoint at once. */
  inLine: number;
  /** Records of each; 2 for one that waited for nothing. */
  records: number;
}

const READ_AT_ONCE = 50;

export async function waitsOf(queue: JobQueueService, arrivals: readonly Arrival[]): Promise<Waits> {
  const claims: number[] = [];
  const sends: number[] = [];
  let inLine = 0;
  let records = 0;
  for (const chunk of chunksOf(arrivals, READ_AT_ONCE)) {
    await Promise.all(
      chunk.map(async ({ jobId, addedMs, arrivedMs }) => {
        const history = await queue.history(jobId);
        records += history.length;
        if (history.some(({ record }) => record.limited)) inLine++;
        const { startedAt = '' } = history.find(({ record }) => record.startedAt)?.record ?? {};
        // The clocks of both processes are those of the machine, which the worker measures against the broker to a millisecond.
        const claimedMs = Math.min(Math.max(Date.parse(startedAt), addedMs), arrivedMs);
        claims.push(claimedMs - addedMs);
        sends.push(arrivedMs - claimedMs);
      }),
    );
  }
  const all = arrivals.map(({ addedMs, arrivedMs }) => arrivedMs - addedMs);
  return {
    p50Ms: rounded(percentile(all, 50)),
    p99Ms: rounded(percentile(all, 99)),
    claimP99Ms: rounded(percentile(claims, 99)),
    sendP99Ms: rounded(percentile(sends, 99)),
    inLine,
    records: Math.round((records / arrivals.length) * 100) / 100,
  };
}

function rounded(ms: number): number {
  return Math.round(ms * 10) / 10;
}

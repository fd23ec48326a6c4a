import { addJobsOf, CONCURRENCY } from '../sizes.js';
import { openSession } from '../systems/open-session.js';
import { type BenchJob, makeJobs, type Session } from '../systems/system.js';
import type { Measure } from './measure.js';
import { perJob, timed } from './window.js';

/** One job at a time from each of 256 callers, who await theirs before the next. */
export const measureAdd: Measure = async ({ unit, server, sizes }) => {
  const session = await openSession(unit.system, server.url);
  const jobs = makeJobs(addJobsOf(unit.system, sizes));
  const window = await timed(server.pid, () => addFromCallers(session, jobs));
  await session.close();
  return perJob(window, jobs.length);
};

export async function addFromCallers(session: Session, jobs: readonly BenchJob[]): Promise<void> {
  const rest = jobs.values();
  const caller = async () => {
    for (const job of rest) await session.add(job);
  };
  await Promise.all(Array.from({ length: CONCURRENCY }, caller));
}

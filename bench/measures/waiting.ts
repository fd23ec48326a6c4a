import { openSession } from '../systems/open-session.js';
import { makeJobs } from '../systems/system.js';
import { addFromCallers } from './add.js';
import type { Measure } from './measure.js';
import { processUntil } from './process.js';
import { perJob, timed } from './window.js';

/** Jobs of a backlog that are made at once, so that its objects do not fill the client. */
const PORTION = 20_000;

/**
 * Rates behind a backlog of one priority: jobs are added on top of it, and as many are processed. The backlog
 * is what is there besides those jobs, so it is at its named size when the last of them ends.
 */
export const measureWaiting: Measure = async ({ unit, server, sizes: { backlogJobs } }) => {
  const session = await openSession(unit.system, server.url);
  const backlog = unit.part ?? 0;
  for (let from = 0; from < backlog; from += PORTION) {
    await session.addBulk(makeJobs(Math.min(PORTION, backlog - from), 'normal', from));
  }
  const jobs = makeJobs(backlogJobs, 'normal', backlog);
  const adding = await timed(server.pid, () => addFromCallers(session, jobs));
  let handled = 0;
  const processing = await timed(server.pid, async () => {
    handled = await processUntil(session, backlogJobs);
  });
  await session.close();
  return {
    addJobsPerSecond: perJob(adding, backlogJobs).jobsPerSecond as number,
    processJobsPerSecond: perJob(processing, handled).jobsPerSecond as number,
  };
};

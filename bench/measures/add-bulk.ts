import { openSession } from '../systems/open-session.js';
import { makeJobs } from '../systems/system.js';
import type { Measure } from './measure.js';
import { perJob, timed } from './window.js';

export const measureAddBulk: Measure = async ({ unit, server, sizes }) => {
  const session = await openSession(unit.system, server.url);
  const jobs = makeJobs(sizes.addBulkJobs);
  const window = await timed(server.pid, () => session.addBulk(jobs));
  await session.close();
  return perJob(window, jobs.length);
};

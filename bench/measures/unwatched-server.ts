import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { treeUsage } from '../servers/process-tree.js';
import { openSession } from '../systems/open-session.js';
import { makeJobs } from '../systems/system.js';
import type { Measure } from './measure.js';
import { processUntil } from './process.js';
import { timed } from './window.js';

const JETFLEET = fileURLToPath(new URL('../../bin/jetfleet.js', import.meta.url));

/** What an HTTP server costs while jobs run and nobody looks at it, beside what the jobs themselves cost. */
export const measureUnwatchedServer: Measure = async ({ unit, server, sizes: { processJobs } }) => {
  const session = await openSession(unit.system, server.url);
  const http = await startServer(server.url);
  await session.addBulk(makeJobs(processJobs));
  const before = treeUsage(http.pid as number).cpuMicros;
  const jobs = await timed(server.pid, async () => {
    await processUntil(session, processJobs);
  });
  const httpMicros = treeUsage(http.pid as number).cpuMicros - before;
  await session.close();
  http.kill('SIGTERM');
  await once(http, 'exit');
  const jobMicros = jobs.clientCpuMicros + jobs.serverCpuMicros;
  return {
    sharePercent: (httpMicros / jobMicros) * 100,
    httpCpuMicrosPerJob: httpMicros / processJobs,
    jobCpuMicrosPerJob: jobMicros / processJobs,
  };
};

async function startServer(natsUrl: string): Promise<ChildProcess> {
  const args = [JETFLEET, 'server', '--http-port', '0', '--json', '--nats-url', natsUrl];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
  // It prints one line once it listens.
  await Promise.race([
    once(child.stdout as NonNullable<typeof child.stdout>, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the HTTP server did not start'))),
  ]);
  return child;
}

import { setTimeout as delay } from 'node:timers/promises';
import { CONCURRENCY, processJobsOf } from '../sizes.js';
import { openSession } from '../systems/open-session.js';
import { makeJobs, type Session } from '../systems/system.js';
import type { Measure } from './measure.js';
import { perJob, timed } from './window.js';

/** How long a server may take to carry out what it has taken. */
const SETTLE_MS = 120_000;
const LOOK_EVERY_MS = 5;

/**
 * Jobs that wait already, over four priorities. The clock runs from the call that starts the worker until it has
 * stopped after the last job, and the system says that none is unfinished: what a server has only been told, it has yet
 * to pay for.
 * @throws Error when a job is left over, since its rate would be a lie
 */
export const measureProcess: Measure = async ({ unit, server, sizes }) => {
  const session = await openSession(unit.system, server.url);
  const count = processJobsOf(unit.system, sizes);
  await session.addBulk(makeJobs(count));
  let handled = 0;
  const window = await timed(server.pid, async () => {
    handled = await processUntil(session, count);
    await allFinished(session, count);
  });
  if (handled !== count) throw new Error(`${count} jobs ran ${handled} times`);
  await session.close();
  return perJob(window, count);
};

async function allFinished(session: Session, count: number): Promise<void> {
  for (const end = Date.now() + SETTLE_MS; ; await delay(LOOK_EVERY_MS)) {
    const left = await session.unfinished();
    if (left === 0) return;
    if (Date.now() > end) throw new Error(`${left} of ${count} jobs are unfinished`);
  }
}

/**
 * Runs a worker until `count` handlers have returned and it has stopped. Gives the number that have returned
 * then.
 */
export async function processUntil(session: Session, count: number): Promise<number> {
  let handled = 0;
  let reached = () => {};
  const enough = new Promise<void>((resolve) => {
    reached = resolve;
  });
  const worker = await session.startWorker(CONCURRENCY, async () => {
    handled++;
    if (handled === count) reached();
  });
  await enough;
  await worker.stop();
  return handled;
}

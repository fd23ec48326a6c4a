import type { Broker } from '../broker/broker.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { readLedgers } from '../queue/limits/job-limits.js';
import { hasWaiting, nextFreeAt } from '../queue/limits/ledger.js';
import type { Limiter } from '../queue/limits/limiter.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Keys that one check looks at. */
const MOST = 2_000;

/**
 * Finds permits of jobs that have ended, and keys with free permits that nobody has called the next one for. A lease that is over
 * needs no repair: whoever comes next takes its permit.
 * @param graceMs how long a job must have ended, and a permit have been held
 */
export async function checkLimits(broker: Broker, limiter: Limiter, graceMs: number): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  const nowMs = broker.clock.now();
  for (const ledger of (await readLedgers(broker, {})).slice(0, MOST)) {
    const { name, key } = ledger;
    const at = `${name}:${key}`;
    for (const { owner, job, since } of ledger.held.filter((permit) => nowMs - permit.since >= graceMs)) {
      const record = (await broker.lastEvent(job))?.record;
      if (!record || !isTerminal(record.status)) continue;
      if (nowMs - Date.parse(record.updatedAt) < graceMs) continue;
      const what = `${at}: job ${job} is ${record.state} since ${record.updatedAt}, and holds a permit`;
      found.push(
        diagnose(
          'permit_left_over',
          at,
          what,
          async () => {
            await limiter.free(owner, [{ name, key }]);
            return 'it is given back';
          },
          { since: new Date(since).toISOString() },
        ),
      );
    }
    if (!hasWaiting(ledger) || nextFreeAt(ledger, nowMs) > nowMs) continue;
    found.push(
      diagnose('permit_unused', at, `${at}: a permit is free, and jobs wait for it`, async () => {
        await limiter.dispatcher.recover({ name, key });
        return 'who is next is called';
      }),
    );
  }
  return found;
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import { isJobId } from '../jobs/job-id.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { readLedgers } from '../queue/limits/job-limits.js';
import { hasWaiting, nextFreeAt } from '../queue/limits/ledger.js';
import type { Limiter } from '../queue/limits/limiter.js';
import type { HeldPermit, Ledger } from '../wire/limit-message.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Keys that one check looks at. */
const MOST = 2_000;
/** Whoever is about to call the next one for a permit has written the ledger of its key by then. */
const CALLED_WITHIN_MS = 2_000;

/**
 * Finds permits of jobs that have ended, and keys with free permits that nobody has called the next one for. A lease that is over
 * needs no repair: whoever comes next takes its permit.
 * @param graceMs how long a job must have ended, and a permit have been held
 */
export async function checkLimits(broker: Broker, limiter: Limiter, graceMs: number): Promise<Diagnosis[]> {
  const found: Diagnosis[] = [];
  const nowMs = broker.clock.now();
  const ledgers = (await readLedgers(broker, {})).slice(0, MOST);
  for (const ledger of ledgers)
    for (const permit of ledger.held.filter(({ since }) => nowMs - since >= graceMs))
      found.push(...(await leftOver(broker, limiter, ledger, permit, graceMs)));
  for (const { name, key } of await unusedOf(broker, ledgers)) {
    const at = `${name}:${key}`;
    found.push(
      diagnose('permit_unused', at, `${at}: a permit is free, and jobs wait for it`, async () => {
        await limiter.dispatcher.recover({ name, key });
        return 'who is next is called';
      }),
    );
  }
  return found;
}

async function leftOver(
  broker: Broker,
  limiter: Limiter,
  { name, key }: Ledger,
  { owner, job, since }: HeldPermit,
  graceMs: number,
): Promise<Diagnosis[]> {
  // A call outside of any job has the name of its process.
  const record = isJobId(job) ? (await broker.lastEvent(job))?.record : undefined;
  if (!record || !isTerminal(record.status)) return [];
  if (broker.clock.now() - Date.parse(record.updatedAt) < graceMs) return [];
  const at = `${name}:${key}`;
  const what = `${at}: job ${job} is ${record.state} since ${record.updatedAt}, and holds a permit`;
  const mend = async () => {
    await limiter.free(owner, [{ name, key }]);
    return 'it is given back';
  };
  return [diagnose('permit_left_over', at, what, mend, { since: new Date(since).toISOString() })];
}

/** Those with a permit that is free and wanted, and that nobody has changed for a while. */
async function unusedOf(broker: Broker, ledgers: readonly Ledger[]): Promise<Ledger[]> {
  const isUnused = (ledger: Ledger) => {
    const nowMs = broker.clock.now();
    return hasWaiting(ledger) && nextFreeAt(ledger, nowMs) <= nowMs;
  };
  const unused = ledgers.filter(isUnused);
  if (unused.length === 0) return [];
  await delay(CALLED_WITHIN_MS);
  const later = new Map((await readLedgers(broker, {})).map((ledger) => [ledger.write, ledger]));
  return unused.flatMap(({ write }) => later.get(write) ?? []).filter(isUnused);
}

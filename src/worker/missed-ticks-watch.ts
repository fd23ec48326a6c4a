import type { Broker } from '../broker/broker.js';
import { tryEach } from '../jobs/try-each.js';
import { findMissedTicks, makeUpFor } from '../queue/schedules/missed-ticks.js';
import { readFired } from '../queue/schedules/stored-schedule.js';
import type { Logger } from '../telemetry/logger.js';

/** What the server fires when it is back comes first. The workers of a fleet do not all look at once. */
const FIRST_MS = 2_500;
const SPREAD_MS = 2_000;

/**
 * Has a worker make up for ticks that a killed server has missed, once it starts, and each time that its server comes back. Nobody leads:
 * the run that one makes up for has the same id whoever notices it. Between these moments nothing is looked at; the sweeper looks too.
 * @returns how to stop
 */
export function watchMissedTicks(broker: Broker, logger: Logger): () => void {
  let timer: NodeJS.Timeout | undefined;
  const lookSoon = (isServerNew: boolean) => {
    clearTimeout(timer);
    timer = setTimeout(() => void look(isServerNew), FIRST_MS + Math.random() * SPREAD_MS);
    timer.unref();
  };
  const look = async (isServerNew: boolean) => {
    // Who has put the clock ahead starts the ticks of the time that it skipped.
    if (broker.clock.aheadMs > 0) return;
    try {
      const missed = await findMissedTicks(broker, await readFired(broker), isServerNew);
      await tryEach(missed, async (tick) => {
        await makeUpFor(broker, tick);
        const { schedule, dueMs } = tick;
        logger.warn(
          { schedule: schedule.name, dueAt: new Date(dueMs) },
          'making sure of a tick of a schedule',
        );
      });
    } catch (err) {
      logger.debug({ err }, 'cannot look for missed ticks; the sweeper does');
    }
  };
  const detach = broker.onConnection((change) => {
    if (change === 'back') lookSoon(true);
  });
  lookSoon(false);
  return () => {
    detach();
    clearTimeout(timer);
  };
}

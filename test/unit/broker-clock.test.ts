import { expect, it, vi } from 'vitest';
import { BrokerClock } from '../../src/broker/broker-clock.js';
import { silentLogger } from '../../src/telemetry/logger.js';

const HOUR_MS = 3_600_000;

it('asks again soon when the broker did not say what time it is', async () => {
  let asked = 0;
  const clock = new BrokerClock(async () => {
    asked += 1;
    if (asked === 1) throw new Error('the broker is away');
    return Date.now() + HOUR_MS;
  }, silentLogger);
  await clock.start();
  expect(Math.abs(clock.localOffsetMs)).toBeLessThan(60_000);
  await vi.waitFor(() => expect(clock.now() - Date.now()).toBeGreaterThan(HOUR_MS - 60_000), 5_000);
  clock.stop();
});

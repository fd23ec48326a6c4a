import type { BreakerPolicy } from './breaker.js';

export const DEFAULT_BREAKER_POLICY: BreakerPolicy = {
  failures: 5,
  restMs: 30_000,
  maxRestMs: 600_000,
  probeMs: 20_000,
  alertAfterMs: 12 * 3_600_000,
  disableAfterMs: 48 * 3_600_000,
  disableFailures: 20,
};

import { type BreakerPolicy, breakerChart, stepsOf } from './breaker.js';

export const DEFAULT_PROVIDER_POLICY: BreakerPolicy = {
  failures: 5,
  restMs: 15_000,
  maxRestMs: 300_000,
  // A create may take as long as a call of a provider.
  probeMs: 120_000,
  alertAfterMs: 600_000,
  disableAfterMs: Number.MAX_SAFE_INTEGER,
  disableFailures: Number.MAX_SAFE_INTEGER,
};

/** One chart for each provider, for what all of its regions share, and one for each of its regions. */
export const providerBreakerMachine = breakerChart(
  {
    id: 'provider_breaker',
    description: 'Passes over a provider, or a region of one, that does not answer, and tries it again.',
    closed: 'Its offers are used.',
    open: 'It rests: jobs use other offers, or wait for the end of the rest.',
    halfOpen: 'One job tries it.',
  },
  DEFAULT_PROVIDER_POLICY,
);

export const providerBreakerAfter = stepsOf(providerBreakerMachine, DEFAULT_PROVIDER_POLICY);

import { breakerChart, stepsOf } from './breaker.js';
import { DEFAULT_BREAKER_POLICY } from './endpoint-policy.js';

/** One chart for each endpoint of webhooks. */
export const endpointBreakerMachine = breakerChart(
  {
    id: 'endpoint_breaker',
    description:
      'Rests an endpoint of webhooks that fails, tries it again, and disables one that stays down.',
    closed: 'Webhooks go out.',
    open: 'The endpoint rests: its webhooks wait for the end of the rest.',
    halfOpen: 'One webhook tries the endpoint.',
    disabled: 'Nothing goes out. Webhooks are kept, and delivered in order once the endpoint is enabled.',
  },
  DEFAULT_BREAKER_POLICY,
);

export const breakerAfter = stepsOf(endpointBreakerMachine, DEFAULT_BREAKER_POLICY);

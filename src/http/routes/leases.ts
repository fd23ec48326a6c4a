import { z } from '@hono/zod-openapi';
import { isLeaseToken } from '../../instances/callback-token.js';
import type { Instances } from '../../instances/instances.js';
import { JetfleetError } from '../../jobs/errors.js';
import { idParams } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

/**
 * `/leases/{id}`: what the watchdog of an instance asks. The answer is the number of seconds for which its lease is good from now on; anything
 * else renews nothing.
 */
export function leaseRoutes(routes: Routes & { instances: Instances; callbackSecret?: string }): void {
  const { instances, callbackSecret } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/leases/{id}',
    tag: 'Instances',
    summary: 'For instances: for how many seconds the lease is good that a keep_lease job renews',
    role: 'open',
    params: idParams,
    query: z.object({ token: z.string().max(200).default('') }),
    answers: {
      200: { description: 'A whole number of seconds', schema: z.string(), mediaType: 'text/plain' },
    },
    handle: async ({ c, params: { id }, query: { token } }) => {
      if (callbackSecret === undefined || !isLeaseToken(callbackSecret, id, token)) {
        throw new JetfleetError(
          'JETFLEET_HTTP_UNAUTHORIZED',
          'the request has no valid token for this lease',
        );
      }
      return c.text(String(Math.floor((await instances.leaseOf(id)) / 1_000)));
    },
  });
}

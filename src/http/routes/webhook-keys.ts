import { z } from '@hono/zod-openapi';
import { webhookKeySet } from '../../webhooks/index.js';
import { addRoute, type Routes } from '../route.js';

const keySetSchema = z
  .object({
    keys: z.array(
      z.object({
        kty: z.literal('OKP'),
        crv: z.literal('Ed25519'),
        x: z.string(),
        kid: z.string(),
        use: z.literal('sig'),
        alg: z.literal('EdDSA'),
      }),
    ),
  })
  .openapi('WebhookKeySet');

/** For how long receivers may keep the keys, in seconds: a new key is published before it signs. */
const KEPT_S = 300;

/**
 * `/.well-known/webhooks.json`: the public keys by which receivers verify webhooks.
 * @throws ValidationError `JETFLEET_WEBHOOK_SECRET_INVALID` for what is no public key
 */
export function webhookKeyRoutes(routes: Routes & { publicKeys: readonly string[] }): void {
  const keySet = webhookKeySet(routes.publicKeys);
  addRoute(routes, {
    method: 'get',
    path: '/.well-known/webhooks.json',
    tag: 'Webhooks',
    summary: 'The public keys of webhooks, as a JSON Web Key Set',
    role: 'open',
    needsBroker: false,
    answers: {
      200: { description: 'The keys; none where webhooks are signed by secrets alone', schema: keySetSchema },
    },
    handle: async ({ c }) => c.json(keySet, 200, { 'cache-control': `public, max-age=${KEPT_S}` }),
  });
}

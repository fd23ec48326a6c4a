import { z } from '@hono/zod-openapi';
import type { LiveCollector } from '../live-collector.js';
import type { Metrics } from '../metrics.js';
import type { Readiness } from '../readiness.js';
import { addRoute, type Routes } from '../route.js';

const tag = 'Server';
const checksSchema = z
  .object({ ok: z.boolean(), checks: z.array(z.object({ name: z.string(), ok: z.boolean() })) })
  .openapi('Readiness');

/** `/livez`, `/readyz` and `/metrics`. */
export function healthRoutes(
  routes: Routes & { readiness: Readiness; metrics: Metrics; collector: LiveCollector },
): void {
  const { readiness, metrics, collector } = routes;
  const open = { method: 'get', tag, role: 'open', needsBroker: false } as const;
  addRoute(
    routes,
    {
      ...open,
      path: '/livez',
      summary: 'Whether the process answers; it asks nobody else',
      answers: { 200: { description: 'It does', schema: z.string(), mediaType: 'text/plain' } },
    },
    ({ c }) => c.text('ok\n'),
  );
  addRoute(
    routes,
    {
      ...open,
      path: '/readyz',
      summary: 'Whether requests should be sent here',
      query: z.object({
        verbose: z
          .string()
          .optional()
          .openapi({ description: 'Lines such as "[+]broker ok" instead of JSON' }),
      }),
      answers: {
        200: { description: 'Yes', schema: checksSchema, orText: true },
        503: { description: 'No: it is draining, or something is away', schema: checksSchema, orText: true },
      },
    },
    async ({ c, query: { verbose } }) => {
      const checks = await readiness.checks();
      const ok = checks.every((check) => check.ok);
      const status = ok ? 200 : 503;
      if (verbose === undefined) return c.json({ ok, checks }, status);
      const lines = checks.map(
        (check) => `[${check.ok ? '+' : '-'}]${check.name} ${check.ok ? 'ok' : 'failed'}`,
      );
      return c.text(`${lines.join('\n')}\n${ok ? 'ready' : 'not ready'}\n`, status);
    },
  );
  addRoute(
    routes,
    {
      method: 'get',
      path: '/metrics',
      tag,
      summary: 'Metrics for Prometheus',
      role: 'observer',
      needsBroker: false,
      answers: {
        200: { description: 'Prometheus text format', schema: z.string(), mediaType: 'text/plain' },
      },
    },
    async ({ c }) => {
      collector.noteScrape();
      return c.body(await metrics.text(), 200, { 'content-type': metrics.contentType });
    },
  );
}

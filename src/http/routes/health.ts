import { z } from '@hono/zod-openapi';
import type { JobQueueService } from '../../queue/job-queue-service.js';
import type { LiveCollector } from '../live-collector.js';
import type { Metrics } from '../metrics.js';
import { addRoute, type Routes } from '../route.js';

const tag = 'Server';
const checksSchema = z
  .object({ ok: z.boolean(), checks: z.array(z.object({ name: z.string(), ok: z.boolean() })) })
  .openapi('Readiness');

export function healthRoutes(
  routes: Routes & { readiness: Readiness; metrics: Metrics; collector: LiveCollector },
): void {
  const { readiness, metrics, collector } = routes;
  const open = { method: 'get', tag, role: 'open', needsBroker: false } as const;
  addRoute(routes, {
    ...open,
    path: '/livez',
    summary: 'Whether the process answers',
    answers: { 200: { description: 'It does', schema: z.string(), mediaType: 'text/plain' } },
    handle: ({ c }) => c.text('ok\n'),
  });
  addRoute(routes, {
    ...open,
    path: '/readyz',
    summary: 'Whether requests should be sent here',
    query: z.object({
      verbose: z.string().optional().openapi({ description: 'Lines such as "[+]broker ok" instead of JSON' }),
    }),
    answers: {
      200: { description: 'Yes', schema: checksSchema, orText: true },
      503: { description: 'No: it is draining, or something is away', schema: checksSchema, orText: true },
    },
    handle: async ({ c, query: { verbose } }) => {
      const checks = await readiness.checks();
      const ok = checks.every((check) => check.ok);
      const status = ok ? 200 : 503;
      if (verbose === undefined) return c.json({ ok, checks }, status);
      const lines = checks.map(
        (check) => `[${check.ok ? '+' : '-'}]${check.name} ${check.ok ? 'ok' : 'failed'}`,
      );
      return c.text(`${lines.join('\n')}\n${ok ? 'ready' : 'not ready'}\n`, status);
    },
  });
  addRoute(routes, {
    method: 'get',
    path: '/metrics',
    tag,
    summary: 'Metrics for Prometheus',
    role: 'observer',
    needsBroker: false,
    answers: { 200: { description: 'Prometheus text format', schema: z.string(), mediaType: 'text/plain' } },
    handle: async ({ c }) => {
      collector.noteScrape();
      return c.body(await metrics.text(), 200, { 'content-type': metrics.contentType });
    },
  });
}

/** One thing that must be so for the server to be of use. */
interface Check {
  name: 'draining' | 'broker' | 'streams' | 'consumers';
  ok: boolean;
}

/** Anybody may ask, so the broker is not asked more often than this. */
const KEPT_MS = 1_000;

/** Whether requests should be sent here; tells nothing but names. */
export class Readiness {
  readonly #queue: JobQueueService;
  #last: { atMs: number; checks: Promise<Check[]> } | undefined;
  isDraining = false;

  constructor(queue: JobQueueService) {
    this.#queue = queue;
  }

  async checks(): Promise<Check[]> {
    const now = performance.now();
    if (!this.#last || now - this.#last.atMs > KEPT_MS) {
      this.#last = { atMs: now, checks: this.#look() };
    }
    return [{ name: 'draining', ok: !this.isDraining }, ...(await this.#last.checks)];
  }

  async #look(): Promise<Check[]> {
    const isAway = this.#queue.isConnected === false;
    const health = isAway ? undefined : await this.#queue.health().catch(() => undefined);
    return [
      { name: 'broker', ok: health?.broker.connected ?? false },
      { name: 'streams', ok: health?.streams.every(({ ok }) => ok) ?? false },
      { name: 'consumers', ok: health !== undefined },
    ];
  }
}

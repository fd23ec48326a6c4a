import { z } from '@hono/zod-openapi';
import { STALLED } from '../../broker/publish/unanswered-writes.js';
import { listWorkers } from '../../inspect/fleet.js';
import type { StreamHealth } from '../../queue/stats/stream-health.js';
import type { WorkerInfo } from '../../wire/inspection.js';
import { addRoute, type Routes } from '../route.js';

const count = z.number().int().min(0);

const eventConsumer = z.object({
  name: z.string(),
  subjects: z.array(z.string()),
  pending: count,
  ackPending: count,
  paused: z.boolean(),
  redelivered: count,
  ackedSeq: count,
  lastDeliveredAt: z.string().optional(),
  waiting: count,
  deadLetters: count,
  latestDeadLetters: z.array(
    z.object({ seq: count, jobId: z.string(), at: z.string(), deliveries: count, error: z.string() }),
  ),
});

/** Who writes learns first that a stream stores nothing, and those are the workers. */
function withStalled(streams: readonly StreamHealth[], workers: readonly WorkerInfo[]): StreamHealth[] {
  return streams.map((stream) => {
    const isStalled = workers.some(({ stalled }) => stalled.includes(stream.name));
    return isStalled ? { ...stream, ok: false, stalled: `${stream.name} ${STALLED}` } : stream;
  });
}

export function streamRoutes(routes: Routes): void {
  const { queue } = routes;
  const read = { method: 'get', tag: 'Queue', role: 'observer' } as const;
  addRoute(routes, {
    ...read,
    path: '/api/v1/streams',
    summary: 'The broker, its streams and their consumers',
    answers: {
      200: {
        description: 'Their state',
        schema: z.object({
          broker: z.object({ connected: z.boolean(), url: z.string(), version: z.string() }),
          streams: z.array(
            z.object({
              name: z.string(),
              messages: count,
              bytes: count,
              replicas: count,
              leader: z.string().optional(),
              ok: z.boolean(),
              drift: z.array(z.string()),
              stalled: z.string().optional(),
            }),
          ),
          consumers: z.array(
            z.object({
              name: z.string(),
              pending: count,
              ackPending: count,
              redelivered: count,
              waiting: count,
            }),
          ),
        }),
      },
    },
    handle: async ({ c }) => {
      const [health, workers] = await Promise.all([queue.health(), listWorkers(queue)]);
      return c.json({ ...health, streams: withStalled(health.streams, workers) });
    },
  });
  addRoute(routes, {
    ...read,
    path: '/api/v1/event-consumers',
    summary: 'The durable event consumers: their lag and dead letters',
    answers: { 200: { description: 'By name', schema: z.object({ consumers: z.array(eventConsumer) }) } },
    handle: async ({ c }) => c.json({ consumers: await queue.eventConsumers() }),
  });
}

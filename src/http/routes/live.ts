import { z } from '@hono/zod-openapi';
import { watchMachines } from '../../inspect/fleet.js';
import { defined } from '../../jobs/defined.js';
import { ValidationError } from '../../jobs/errors.js';
import { shownJob } from '../../jobs/shown-job.js';
import type { EventStream, EventStreams } from '../event-streams.js';
import type { FleetCollector } from '../fleet-collector.js';
import { jobIdSchema, statusSchema, typeSchema } from '../job-schemas.js';
import type { LiveCollector } from '../live-collector.js';
import { addRoute, type Routes } from '../route.js';

const mediaType = 'text/event-stream';
const tag = 'Live';

/** The streams of server-sent events: `/api/v1/live`, `/fleet`, `/events` and `/inspect`. */
export function liveRoutes(
  routes: Routes & { streams: EventStreams; collector: LiveCollector; fleet: FleetCollector },
): void {
  const { queue, streams, collector, fleet } = routes;
  const stream = { method: 'get', tag, role: 'observer' } as const;
  addRoute(routes, {
    ...stream,
    path: '/api/v1/live',
    summary: 'Counts and rates, each second: events of the name tick',
    needsBroker: false,
    answers: { 200: { description: 'Until the caller ends it', schema: z.string(), mediaType } },
    handle: ({ c }) =>
      streams.respond(c, (to) => collector.listen((data) => to.send({ event: 'tick', data }))),
  });
  addRoute(routes, {
    ...stream,
    path: '/api/v1/fleet',
    summary: 'Where the state machines of the fleet stand, each second: events of the name fleet',
    needsBroker: false,
    answers: { 200: { description: 'Until the caller ends it', schema: z.string(), mediaType } },
    handle: ({ c }) => streams.respond(c, (to) => fleet.listen((data) => to.send({ event: 'fleet', data }))),
  });
  addRoute(routes, {
    ...stream,
    path: '/api/v1/events',
    summary: 'Every transition: events of the name job, with the sequence as id, to resume by Last-Event-ID',
    query: z.object({
      type: typeSchema.optional(),
      status: statusSchema.optional(),
      id: jobIdSchema.optional(),
    }),
    headers: z.object({ 'last-event-id': z.string().optional() }),
    answers: { 200: { description: 'Until the caller ends it', schema: z.string(), mediaType } },
    handle: ({ c, query }) => {
      const fromSeq = resumeAt(c.req.header('last-event-id'));
      return streams.respond(c, async (to) => {
        const feed = await queue.feed({ filter: defined(query), ...(fromSeq !== undefined && { fromSeq }) });
        // The reader comes back and resumes.
        sendAll(feed, to).catch((err) => queue.logger.debug({ err }, 'a stream of events ended early'));
        return () => feed.close();
      });
    },
  });
  addRoute(routes, {
    ...stream,
    path: '/api/v1/inspect',
    summary: 'What state machines do, of one job or of all: events of the name inspection',
    query: z.object({ job: jobIdSchema.optional() }),
    answers: { 200: { description: 'Until the caller ends it', schema: z.string(), mediaType } },
    handle: ({ c, query: { job } }) =>
      streams.respond(c, async (to) => {
        const send = (data: unknown) => to.send({ event: 'inspection', data });
        const watch = await watchMachines(queue, defined({ jobId: job }), send);
        return () => watch.close();
      }),
  });
}

async function sendAll(feed: Awaited<ReturnType<Routes['queue']['feed']>>, to: EventStream): Promise<void> {
  try {
    for await (const { seq, record } of feed) {
      to.send({ event: 'job', id: seq, data: shownJob(record) });
      await to.ready();
      if (to.signal.aborted) break;
    }
  } finally {
    // Which closes the feed too.
    to.end();
  }
}

function resumeAt(lastEventId: string | undefined): number | undefined {
  if (lastEventId === undefined || lastEventId === '') return undefined;
  if (/^\d{1,15}$/.test(lastEventId)) return Number(lastEventId) + 1;
  throw new ValidationError('JETFLEET_HTTP_INVALID', 'Last-Event-ID must be the id of an event before');
}

/** What handlers report while they run: progress, log lines and parts of results. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { maskSecrets } from '../../jobs/mask.js';
import { maskText } from '../../jobs/mask-text.js';
import { noSuchJob } from '../../queue/job-lookup.js';
import type { JobQueueService } from '../../queue/job-queue-service.js';
import type { EventStream, EventStreams } from '../event-streams.js';
import { idParams } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const KINDS = ['progress', 'line', 'chunk'] as const;
type Kind = (typeof KINDS)[number];

/** Where a reader is: the next line, and the next chunk of an attempt. */
interface Place {
  line: number;
  attempt: number;
  chunk: number;
}

const line = z.object({
  index: z.number().int(),
  at: z.string(),
  attempt: z.number().int(),
  line: z.string(),
});

export function reportRoutes(routes: Routes & { streams: EventStreams }): void {
  const { queue, streams } = routes;
  const ofJob = { method: 'get', tag: 'Jobs', role: 'observer', params: idParams } as const;
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}/logs',
    summary: 'What the handlers of a job have logged: the last 10,000 lines, at most 1 MiB',
    query: z.object({
      last: z.coerce.number().int().min(1).max(10_000).optional().openapi({
        description: 'Only so many of the last lines',
      }),
    }),
    answers: {
      200: {
        description: 'The lines, oldest first; how many there were, and how many of them are not kept',
        schema: z.object({ lines: z.array(line), total: z.number().int(), dropped: z.number().int() }),
      },
    },
    handle: async ({ c, params: { id }, query: { last } }) => {
      const log = await queue.logs(id, last === undefined ? {} : { last });
      return c.json({ ...log, lines: log.lines.map((each) => ({ ...each, line: maskText(each.line) })) });
    },
  });
  addRoute(routes, {
    ...ofJob,
    path: '/api/v1/jobs/{id}/stream',
    summary: 'What the handler of a job reports, as server-sent events, until the job has ended',
    query: z.object({
      only: z.enum(KINDS).optional().openapi({ description: 'One kind of events alone; `end` always comes' }),
    }),
    headers: z.object({
      'last-event-id': z.string().optional().openapi({ description: 'Goes on behind that event' }),
    }),
    answers: {
      200: {
        description:
          '`progress` for each value, `line` for each line of the log, `chunk` for each part of the result, those that are kept first; then `end` with the status and the state of the job',
        schema: z.string(),
        mediaType: 'text/event-stream',
      },
    },
    handle: async ({ c, params: { id }, query: { only } }) => {
      if (!(await queue.getJob(id))) throw noSuchJob(id);
      const kinds = only === undefined ? KINDS : [only];
      return streams.respond(c, (stream) => {
        void fill(queue, id, kinds, placeIn(c), stream);
        return () => {};
      });
    },
  });
}

/** Ends the stream with the job, or when the queue is closed or the job removed. */
async function fill(
  queue: JobQueueService,
  id: string,
  kinds: readonly Kind[],
  place: Place,
  stream: EventStream,
): Promise<void> {
  try {
    await Promise.all(kinds.map((kind) => FOLLOW[kind](queue, id, place, stream)));
    const data = await queue.getJob(id);
    if (data) stream.send({ event: 'end', data: { status: data.status, state: data.state } });
  } catch {
    // The reader asks again, and hears why.
  }
  stream.end();
}

const FOLLOW: Record<
  Kind,
  (queue: JobQueueService, id: string, place: Place, stream: EventStream) => Promise<void>
> = {
  progress: async (queue, id, place, stream) => {
    for await (const each of queue.followProgress(id, { signal: stream.signal })) {
      await stream.ready();
      const data = { ...each, progress: maskSecrets(each.progress) };
      stream.send({ event: 'progress', id: idOf(place), data });
    }
  },
  line: async (queue, id, place, stream) => {
    for await (const each of queue.followLogs(id, { signal: stream.signal })) {
      if (each.index < place.line) continue;
      await stream.ready();
      place.line = each.index + 1;
      stream.send({ event: 'line', id: idOf(place), data: { ...each, line: maskText(each.line) } });
    }
  },
  chunk: async (queue, id, place, stream) => {
    for await (const each of queue.stream(id, { signal: stream.signal })) {
      const { attempt, index } = each;
      if (attempt < place.attempt || (attempt === place.attempt && index < place.chunk)) continue;
      await stream.ready();
      Object.assign(place, { attempt, chunk: index + 1 });
      stream.send({ event: 'chunk', id: idOf(place), data: { ...each, chunk: maskSecrets(each.chunk) } });
    }
  },
};

function idOf({ line, attempt, chunk }: Place): string {
  return `${line}-${attempt}-${chunk}`;
}

/** What is no id of ours begins at the beginning. */
function placeIn(c: Context): Place {
  const [, line = 0, attempt = 0, chunk = 0] =
    /^(\d{1,15})-(\d{1,15})-(\d{1,15})$/.exec(c.req.header('last-event-id') ?? '')?.map(Number) ?? [];
  return { line, attempt, chunk };
}

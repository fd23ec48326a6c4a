import { z } from '@hono/zod-openapi';
import { chartToMermaid } from '../../inspect/chart-mermaid.js';
import { chartToSvg } from '../../inspect/chart-svg.js';
import { listWorkers } from '../../inspect/fleet.js';
import { countJobs } from '../../inspect/fleet-watch.js';
import { builtInCharts, findChart, listCharts } from '../../inspect/known-charts.js';
import { chartToXState } from '../../inspect/machine-json.js';
import { defined } from '../../jobs/defined.js';
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import type { JobState, JobStatus } from '../../jobs/vocabulary.js';
import type { JobQueueService } from '../../queue/job-queue-service.js';
import type { FleetCollector } from '../fleet-collector.js';
import { PAGE_WITHIN_MS } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';
import { drawingQuery, SVG_HEADERS } from './drawings.js';

const chartSchema = z
  .object({
    id: z.string(),
    version: z.string(),
    description: z.string(),
    states: z.array(
      z.object({
        id: z.string().openapi({ description: 'A path with dots: pending.queued' }),
        key: z.string(),
        parent: z.string().optional(),
        kind: z.enum(['atomic', 'compound', 'parallel', 'final', 'history']),
        isInitial: z.boolean(),
        description: z.string(),
        invokes: z.array(z.string()),
        entry: z.array(z.string()).optional(),
        exit: z.array(z.string()).optional(),
      }),
    ),
    edges: z.array(
      z.object({
        id: z.string(),
        from: z.string(),
        to: z.string(),
        event: z.string(),
        label: z.string(),
        guard: z.string().optional(),
        actions: z.array(z.string()),
        reenter: z.literal(true).optional(),
      }),
    ),
  })
  .openapi('Chart');

const params = z.object({
  id: z
    .string()
    .min(1)
    .max(200)
    .openapi({ param: { name: 'id', in: 'path' }, example: 'job' }),
});

type FleetRoutes = Routes & { fleet: FleetCollector };

/** `/api/v1/machines`: the charts that jobs and workers run. */
export function machineRoutes(routes: FleetRoutes): void {
  const { queue } = routes;
  const all = { method: 'get', tag: 'Machines', role: 'observer', needsBroker: false } as const;
  const one = { ...all, params };
  addRoute(routes, {
    ...all,
    path: '/api/v1/machines',
    summary: 'The state machines that come with Jetfleet, and those of the workers',
    answers: {
      200: {
        description: 'By id',
        schema: z.object({
          machines: z.array(
            z.object({
              id: z.string(),
              version: z.string(),
              description: z.string(),
              source: z.enum(['built-in', 'worker']),
              states: z.number().int(),
            }),
          ),
        }),
      },
    },
    handle: async ({ c }) => {
      // Those of the package are there without a broker.
      const charts = queue.isConnected === false ? builtInCharts() : await listCharts(queue);
      const machines = charts.map(({ id, version, description, source, states }) => {
        return { id, version, description, source, states: states.length };
      });
      return c.json({ machines });
    },
  });
  addRoute(routes, {
    ...one,
    path: '/api/v1/machines/{id}',
    summary: 'One machine, and how many stand in each of its states, where that is known',
    answers: {
      200: {
        description: 'The chart',
        schema: z.object({ chart: chartSchema, counts: z.record(z.string(), z.number().int()) }),
      },
    },
    handle: async ({ c, params: { id } }) => {
      const { source: _, ...chart } = await findChart(queue, id);
      return c.json({ chart, counts: await stateCounts(routes, id) });
    },
  });
  addRoute(routes, {
    ...one,
    path: '/api/v1/machines/{id}/svg',
    summary: 'A drawing of a machine',
    query: drawingQuery.extend({
      lit: z.string().max(4_000).optional().openapi({ description: 'Ids of states and edges, with commas' }),
      details: z.enum(['true', 'false']).default('true').openapi({
        description: 'Whether guards and actions are written out; else they show on hover',
      }),
      counts: z.enum(['true', 'false']).default('false'),
    }),
    answers: { 200: { description: 'SVG', schema: z.string(), mediaType: 'image/svg+xml' } },
    handle: async ({ c, params: { id }, query }) => {
      const chart = await findChart(queue, id);
      const svg = await chartToSvg(
        chart,
        defined({
          standalone: query.standalone === 'true',
          lit: query.lit?.split(','),
          theme: query.theme,
          details: query.details === 'true',
          counts: query.counts === 'true' ? await stateCounts(routes, id) : undefined,
        }),
      );
      return c.body(svg, 200, SVG_HEADERS);
    },
  });
  addRoute(routes, {
    ...one,
    needsBroker: true,
    path: '/api/v1/machines/{id}/jobs',
    summary:
      'The jobs whose machine stands in one of its states now, those that have been there longest first',
    query: z.object({
      state: z.string().min(1).max(1_000).openapi({ example: 'processing.running' }),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
    }),
    answers: {
      200: {
        description: 'At most `limit` of them, and how many there are',
        schema: z.object({
          jobs: z.array(
            z.object({
              jobId: z
                .string()
                .optional()
                .openapi({ description: 'Absent for the machine of a worker itself' }),
              worker: z.string().optional(),
              since: z.string(),
            }),
          ),
          count: z.number().int(),
          isCounting: z.literal(true).optional().openapi({
            description:
              'Jobs within `failed` are being counted for the first time; there are at least `count`',
          }),
        }),
      },
    },
    handle: async ({ c, params: { id }, query: { state, limit } }) => {
      const { states } = await findChart(queue, id);
      if (!states.some((each) => each.id === state)) {
        const known = states.map((each) => each.id).join(', ');
        throw invalidOption(`state ${quoted(state)} is none of ${id}, which has ${known}`);
      }
      return c.json(
        await (id === 'job' ? jobsIn(queue, state, limit) : routes.fleet.jobsIn(id, state, limit)),
      );
    },
  });
  addRoute(routes, {
    ...one,
    path: '/api/v1/machines/{id}/mermaid',
    summary: 'A machine as a Mermaid state diagram',
    answers: { 200: { description: 'Text', schema: z.string(), mediaType: 'text/plain' } },
    handle: async ({ c, params: { id } }) => c.text(chartToMermaid(await findChart(queue, id))),
  });
  addRoute(routes, {
    ...one,
    path: '/api/v1/machines/{id}/xstate',
    summary: "A machine as XState's JSON, for Stately's editor",
    answers: { 200: { description: 'The definition', schema: z.record(z.string(), z.unknown()) } },
    handle: async ({ c, params: { id } }) => c.json(chartToXState(await findChart(queue, id))),
  });
}

/** How many are in each state of a machine: of jobs and workers, and of other machines while somebody watches the fleet. */
async function stateCounts({ queue, fleet }: FleetRoutes, machine: string): Promise<Record<string, number>> {
  if (queue.isConnected === false) return {};
  const counts: Record<string, number> = {};
  if (machine === 'worker_lifecycle') {
    for (const { state } of await listWorkers(queue)) counts[state] = (counts[state] ?? 0) + 1;
  }
  return machine === 'job' ? await countJobs(queue) : { ...fleet.countsOf(machine), ...counts };
}

/** Of jobs, which are found without any worker. */
async function jobsIn(queue: JobQueueService, path: string, limit: number) {
  const [status, state] = path.split('.') as [JobStatus, JobState | undefined];
  const filter = defined({ status, state, order: 'oldest' as const, limit });
  const [{ jobs }, { count, isCounting }] = await Promise.all([
    queue.getJobsWithin(filter, PAGE_WITHIN_MS),
    countIn(queue, path),
  ]);
  return defined({
    jobs: jobs.map(({ id, worker, updatedAt }) => defined({ jobId: id, worker, since: updatedAt })),
    count: Math.max(count, jobs.length),
    isCounting,
  });
}

async function countIn(queue: JobQueueService, path: string): Promise<{ count: number; isCounting?: true }> {
  const [status, state] = path.split('.') as [JobStatus, JobState | undefined];
  if (status !== 'failed' || state === undefined) return { count: (await countJobs(queue))[path] ?? 0 };
  const { counts, isCounting } = await queue.failedStates.count();
  return { count: counts.get(state) ?? 0, ...(isCounting && { isCounting }) };
}

import { z } from '@hono/zod-openapi';
import { flowToSvg } from '../../inspect/flow-svg.js';
import { defined } from '../../jobs/defined.js';
import { shownFlow } from '../../jobs/shown-flow.js';
import { OnFailure } from '../../jobs/vocabulary.js';
import type { Flow } from '../../queue/flows/flow-add.js';
import { noSuchJob } from '../../queue/job-lookup.js';
import {
  dataSchema,
  idParams,
  MAX_JOB_BYTES,
  prioritySchema,
  statusSchema,
  webhookUrlSchema,
} from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';
import { drawingQuery, SVG_HEADERS } from './drawings.js';

const policySchema = z.enum(OnFailure);
const flowJobSchema = z.looseObject({
  type: z.string(),
  payload: dataSchema,
  after: z.array(z.string()).optional(),
  onFailure: policySchema.optional(),
});
const requestSchema = z
  .strictObject({
    id: z.string().optional(),
    priority: prioritySchema.optional(),
    webhookUrl: webhookUrlSchema.optional(),
    delayMs: z.number().optional(),
    jobs: z.record(z.string(), flowJobSchema).openapi({ description: 'The jobs by their keys' }),
  })
  .openapi('NewFlow');
const addedSchema = z
  .object({ id: z.string(), created: z.boolean(), jobs: z.record(z.string(), z.string()) })
  .openapi('AddedFlow');
const errorSchema = z.object({ code: z.string(), message: z.string() });
const flowSchema = z
  .object({
    id: z.string(),
    status: statusSchema,
    state: z.string(),
    total: z.number().int(),
    completed: z.number().int(),
    failed: z.number().int(),
    jobs: z.array(
      z.object({
        key: z.string(),
        id: z.string(),
        type: z.string(),
        state: z.string(),
        after: z.array(z.string()),
        onFailure: policySchema,
        error: errorSchema.optional(),
      }),
    ),
    error: errorSchema.optional(),
  })
  .openapi('Flow');

export function flowRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/flows',
    tag: 'Flows',
    audit: false,
    summary: 'Add a flow: jobs that run after one another',
    role: 'operator',
    body: { schema: requestSchema, maxBytes: MAX_JOB_BYTES },
    answers: { 201: { description: 'The flow is stored, or was there already', schema: addedSchema } },
    handle: async ({ c, body: { jobs, ...options } }) => {
      const added = await queue.addFlow({ jobs } as Flow, defined(options));
      return c.json(added, 201, { location: `/api/v1/flows/${added.id}` });
    },
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/flows/{id}',
    tag: 'Flows',
    summary: 'How far a flow is',
    role: 'observer',
    params: idParams,
    answers: { 200: { description: 'The flow', schema: flowSchema } },
    handle: async ({ c, params: { id } }) => {
      const flow = await queue.getFlow(id);
      if (!flow) throw noSuchJob(id);
      return c.json(shownFlow(flow));
    },
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/flows/{id}/svg',
    tag: 'Flows',
    summary: 'A flow as a graph, with where each of its jobs stands',
    role: 'observer',
    params: idParams,
    query: drawingQuery,
    answers: { 200: { description: 'SVG', schema: z.string(), mediaType: 'image/svg+xml' } },
    handle: async ({ c, params: { id }, query: { standalone, theme } }) => {
      const flow = await queue.getFlow(id);
      if (!flow) throw noSuchJob(id);
      const svg = await flowToSvg(flow, defined({ standalone: standalone === 'true', theme }));
      return c.body(svg, 200, SVG_HEADERS);
    },
  });
}

import { z } from '@hono/zod-openapi';
import { defined } from '../../jobs/defined.js';
import { MAX_SIGNAL_BYTES } from '../../jobs/limits.js';
import { isShortName, SHORT_NAME } from '../../jobs/short-name.js';
import { dataSchema, idParams } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const params = idParams.extend({
  name: z
    .string()
    .refine(isShortName, `must be ${SHORT_NAME}`)
    .openapi({ param: { name: 'name', in: 'path' }, example: 'approved' }),
});

const requestSchema = z
  .strictObject({
    data: dataSchema.optional().openapi({ description: 'What the job is given: any JSON. Defaults to null' }),
    key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .openapi({ description: 'The same key within two minutes is one signal' }),
  })
  .optional();

const sentSchema = z
  .object({
    isKnown: z
      .boolean()
      .openapi({ description: 'Whether there is a job of this id yet; else it is kept for it' }),
    isRepeated: z.boolean().openapi({ description: 'Whether a signal of the same key was there already' }),
  })
  .openapi('SentSignal');

export function signalRoutes(routes: Routes): void {
  const { queue } = routes;
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/jobs/{id}/signals/{name}',
    tag: 'Jobs',
    audit: false,
    summary: 'Send a signal to a job that waits for it, or will',
    role: 'operator',
    params,
    // Escapes can make JSON longer than the data that it stands for.
    body: { schema: requestSchema, maxBytes: 2 * MAX_SIGNAL_BYTES },
    answers: { 202: { description: 'The signal is stored', schema: sentSchema } },
    handle: async ({ c, params: { id, name }, body }) =>
      c.json(await queue.signal(id, name, body?.data, defined({ key: body?.key })), 202),
  });
}

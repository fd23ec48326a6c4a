import { z } from '@hono/zod-openapi';

/** RFC 9457, with a code of `docs/errors.md`. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.number().int(),
    code: z.string().openapi({ description: 'One of docs/errors.md', example: 'JETFLEET_NOT_FOUND' }),
    detail: z.string(),
    problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

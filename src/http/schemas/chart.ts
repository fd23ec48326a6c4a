import { z } from '@hono/zod-openapi';

export const chartSchema = z
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

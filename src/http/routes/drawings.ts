/** What routes that answer with a drawing have in common. */
import { z } from '@hono/zod-openapi';

/** A drawing that is looked at by itself brings its own colours, which the page's policy would refuse. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

export const SVG_HEADERS = { 'content-type': 'image/svg+xml', 'content-security-policy': POLICY };

export const drawingQuery = z.object({
  standalone: z.enum(['true', 'false']).default('true').openapi({
    description: 'Whether it brings its own colours',
  }),
  theme: z.enum(['light', 'dark']).optional(),
});

import { z } from '@hono/zod-openapi';
import { packageVersion } from '../telemetry/version.js';
import { addRoute, type Routes } from './route.js';

const documentSchema = z.looseObject({
  openapi: z.string(),
  info: z.looseObject({ title: z.string(), version: z.string() }),
  paths: z.record(z.string(), z.any()),
});

/** `/openapi.json`, made from the routes that stand when it is first asked for. */
export function openApiRoute(routes: Routes): void {
  const { app } = routes;
  let document: object | undefined;
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description: 'A token of JETFLEET_HTTP_TOKEN; x-role says which role a path needs at least.',
  });
  addRoute(routes, {
    method: 'get',
    path: '/openapi.json',
    tag: 'Server',
    summary: 'This document',
    role: 'open',
    needsBroker: false,
    answers: { 200: { description: 'OpenAPI 3.1', schema: documentSchema } },
    handle: ({ c }) => {
      document ??= app.getOpenAPI31Document({
        openapi: '3.1.0',
        info: {
          title: 'Jetfleet',
          version: packageVersion(),
          description: 'Jobs, workers, webhooks and state machines of one queue.',
          license: { name: 'MIT' },
        },
        servers: [{ url: '/' }],
      });
      return c.json(document);
    },
  });
}

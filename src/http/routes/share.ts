import { z } from '@hono/zod-openapi';
import { idParams } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';
import { sharePage } from '../share.js';

/** The page of a job as one file: it asks the API in the name of the caller. */
export function shareRoute(routes: Routes): void {
  const { app, queue } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/jobs/{id}/share',
    tag: 'Jobs',
    role: 'observer',
    params: idParams,
    summary: 'The page of a job as one HTML file, which needs nothing else: for a ticket',
    answers: { 200: { description: 'HTML, without secrets', schema: z.string(), mediaType: 'text/html' } },
    handle: async ({ c, params: { id } }) => {
      const headers = new Headers();
      for (const name of ['authorization', 'host']) {
        const value = c.req.header(name);
        if (value !== undefined) headers.set(name, value);
      }
      const ask = async (path: string) =>
        app.fetch(new Request(new URL(`/api/v1${path}`, c.req.url), { headers }), c.env);
      return c.body(await sharePage(ask, id, queue.now()), 200, {
        'content-type': 'text/html; charset=utf-8',
        'content-disposition': `attachment; filename="job-${id}.html"`,
      });
    },
  });
}

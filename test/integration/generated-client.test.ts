import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { transform } from 'esbuild';
import openapiTS, { astToString } from 'openapi-typescript';
import { expect, test } from 'vitest';
import { startFleet } from '../support/fleet.js';
import { startHttp, TOKENS } from '../support/http.js';
import { typeErrors } from '../support/type-errors.js';

const run = promisify(execFile);

/** What a user writes against the generated types. Lines after `@ts-expect-error` must not compile. */
const CLIENT = `
import createClient from 'openapi-fetch';
import type { paths } from './paths.js';

const [baseUrl = '', token = ''] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl, headers: { authorization: \`Bearer \${token}\` } });

// @ts-expect-error a job needs a payload
const unsent = () => client.POST('/api/v1/jobs', { body: { type: 'demo' } });
void unsent;

const added = await client.POST('/api/v1/jobs', { body: { type: 'demo', payload: { n: 1 }, priority: 'high' } });
if (!added.data) throw new Error(JSON.stringify(added.error));
const { id } = added.data;
for (;;) {
  const { data: job } = await client.GET('/api/v1/jobs/{id}', { params: { path: { id } } });
  if (job?.status === 'completed') {
    const page = await client.GET('/api/v1/jobs', { params: { query: { type: 'demo', limit: 10 } } });
    const stats = await client.GET('/api/v1/stats');
    const missing = await client.GET('/api/v1/jobs/{id}', { params: { path: { id: 'nobody' } } });
    const ready = await client.GET('/readyz');
    const seen = {
      attempt: job.attempt,
      priority: job.priority,
      listed: page.data?.jobs.map((each) => each.id === id),
      completed: stats.data?.completedJobs,
      code: missing.error?.code,
      ready: typeof ready.data === 'object' && ready.data.ok,
    };
    console.log(JSON.stringify(seen));
    break;
  }
  await new Promise((resolve) => setTimeout(resolve, 50));
}
`;

const OPTIONS = {
  ...{ module: 'NodeNext', target: 'ES2023', strict: true, skipLibCheck: true },
  ...{ exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, types: ['node'] },
};

test('a client that is generated from the OpenAPI document compiles, and makes a round trip', async () => {
  await using fleet = await startFleet({ handlers: { demo: () => 'done' } });
  await using http = await startHttp(fleet.queue);
  const folder = await mkdtemp(join(tmpdir(), 'jetfleet-client-'));
  try {
    const { json } = await http.call('/openapi.json', { token: null });
    await Promise.all([
      writeFile(join(folder, 'paths.ts'), astToString(await openapiTS(json))),
      writeFile(join(folder, 'client.ts'), CLIENT),
      writeFile(join(folder, 'package.json'), '{"type":"module"}'),
      transform(CLIENT, { loader: 'ts' }).then(({ code }) => writeFile(join(folder, 'client.mjs'), code)),
      symlink(join(process.cwd(), 'node_modules'), join(folder, 'node_modules')),
    ]);
    expect(typeErrors(folder, ['client.ts'], OPTIONS)).toEqual([]);
    const script = [join(folder, 'client.mjs'), http.server.url, TOKENS.operator];
    const { stdout } = await run(process.execPath, script);
    expect(JSON.parse(stdout)).toEqual({
      ...{ attempt: 1, priority: 'high', listed: [true], completed: 1 },
      ...{ code: 'JETFLEET_NOT_FOUND', ready: true },
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

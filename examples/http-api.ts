/**
 * The HTTP API inside an app of one's own: here a plain `node:http` server, which has a route besides.
 *
 * Needs a nats-server at NATS_URL. With `--serve` it goes on until Ctrl-C. Outside of this repository: npm install @hono/node-server
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { JobQueueService, JobWorkerService } from 'jetfleet';
import { createHttpApi } from 'jetfleet/http';

const TOKEN = 'example-operator';

await using queue = new JobQueueService();
const worker = new JobWorkerService(queue);
worker.registerHandler('greet', {
  handler: ({ payload }) => `Hello, ${(payload as { name: string }).name}!`,
});
await worker.start();

const api = createHttpApi(queue, { tokens: [{ token: TOKEN, role: 'operator' }] });
const jetfleet = getRequestListener((request) => api.fetch(request));
const server = createServer((request, response) => {
  if (request.url === '/hello') response.end('the app itself\n');
  else void jetfleet(request, response);
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
console.log(`serving on ${url}`);

const headers = { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' };
console.log(`/hello: ${(await (await fetch(`${url}/hello`)).text()).trim()}`);

// Said twice with the same key, it is one job.
const order = { type: 'greet', payload: { name: 'Ada' } };
for (const attempt of [1, 2]) {
  const answer = await fetch(`${url}/api/v1/jobs`, {
    method: 'POST',
    headers: { ...headers, 'idempotency-key': 'greet-ada' },
    body: JSON.stringify(order),
  });
  const { id } = (await answer.json()) as { id: string };
  console.log(`request ${attempt}: ${answer.status}, job ${id}`);
}

// Follow what happens, from the first event on.
const events = await fetch(`${url}/api/v1/events?type=greet`, {
  headers: { ...headers, 'last-event-id': '0' },
});
const reader = events.body?.pipeThrough(new TextDecoderStream()).getReader();
for (let text = ''; !text.includes('"status":"completed"'); ) text += (await reader?.read())?.value ?? '';
await reader?.cancel();
console.log('the events say: completed');

const stats = await fetch(`${url}/api/v1/stats`, { headers });
const { completedJobs } = (await stats.json()) as { completedJobs: number };
console.log(`${completedJobs} completed`);
const refused = await fetch(`${url}/api/v1/stats`);
console.log(`without a token: ${refused.status} ${((await refused.json()) as { code: string }).code}`);

if (process.argv.includes('--serve')) await new Promise((resolve) => process.once('SIGINT', resolve));
await api.close();
await worker.shutdown();
await new Promise((resolve) => server.close(resolve));
console.log('stopped');

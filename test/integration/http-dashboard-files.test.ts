import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { Hono } from 'hono';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DashboardFiles } from '../../src/http/dashboard-files.js';

let folder: string;
let app: Hono;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'jetfleet-files-'));
  await mkdir(join(folder, 'dashboard', 'assets'), { recursive: true });
  await writeFile(join(folder, 'secret.txt'), 'not to be served');
  await writeFile(join(folder, 'dashboard', 'index.html.gz'), gzipSync('<!doctype html><title>page</title>'));
  await writeFile(join(folder, 'dashboard', 'assets', 'app-1a2b.js'), 'export {};');
  const files = new DashboardFiles(join(folder, 'dashboard'));
  app = new Hono();
  app.notFound((c) => files.respond(c) ?? c.text('nothing', 404));
});
afterAll(() => rm(folder, { recursive: true }));

const get = (path: string, init: RequestInit = {}) => app.request(path, init);

test.each(['/', '/jobs', '/jobs/order-42', '/machines/create_instance'])('%s is the page', async (path) => {
  const response = await get(path);
  expect(await response.text()).toContain('<title>page</title>');
  expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('no-cache');
});

test('an asset is kept for ever, and known by its ETag', async () => {
  const response = await get('/assets/app-1a2b.js');
  expect(response.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  const etag = response.headers.get('etag') ?? '';
  expect((await get('/assets/app-1a2b.js', { headers: { 'if-none-match': etag } })).status).toBe(304);
});

test('a compressed file is sent as it is to clients that accept gzip, and unpacked to others', async () => {
  const answers = ['gzip, deflate, br', 'br;q=1, gzip;q=0', ''].map(async (accepted) => {
    const response = await get('/jobs', { headers: { 'accept-encoding': accepted } });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const isZipped = response.headers.get('content-encoding') === 'gzip';
    expect(new TextDecoder().decode(isZipped ? gunzipSync(bytes) : bytes)).toContain('<title>page</title>');
    expect(response.headers.get('vary')).toBe('Accept-Encoding');
    return isZipped;
  });
  expect(await Promise.all(answers)).toEqual([true, false, false]);
});

test.each(['/assets/gone.js', '/api/v1/nothing', '/api/'])('%s is not the page', async (path) => {
  expect((await get(path)).status).toBe(404);
});

test.each(['/../secret.txt', '/..%2fsecret.txt', '/assets/..%2f..%2fsecret.txt', '//etc/passwd'])(
  '%s reaches nothing outside',
  async (path) => {
    expect(await (await get(path)).text()).not.toContain('not to be served');
  },
);

test('only GET and HEAD get a page', async () => {
  expect((await get('/', { method: 'POST' })).status).toBe(404);
  const head = await get('/', { method: 'HEAD' });
  expect([head.status, await head.text()]).toEqual([200, '']);
});

test('without a built dashboard there is no page', async () => {
  const files = new DashboardFiles(join(folder, 'never-built'));
  const bare = new Hono();
  bare.notFound((c) => files.respond(c) ?? c.text('nothing', 404));
  expect((await bare.request('/')).status).toBe(404);
});

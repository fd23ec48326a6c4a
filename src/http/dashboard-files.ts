import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { Context } from 'hono';
import { accepts } from 'hono/accepts';
import { getMimeType } from 'hono/utils/mime';

interface DashboardFile {
  bytes: Uint8Array<ArrayBuffer>;
  isZipped: boolean;
  type: string;
  etag: string;
}

/** The build compresses files; what it leaves, such as maps of sources in a clone, is served as it is. */
const ZIPPED = '.gz';

const INDEX = 'index.html';
/** Paths of programs: a wrong one is an error there, and no page. `/api` itself is the page with the reference. */
const NOT_A_PAGE = /^\/(api\/|assets(\/|$))/;

/** The built dashboard, held in memory and compressed: a path is looked up, never opened. */
export class DashboardFiles {
  readonly #files: ReadonlyMap<string, DashboardFile>;

  /** @param folder defaults to the one of the package; one that was never built holds nothing */
  constructor(folder: string = builtFolder()) {
    this.#files = readFiles(folder);
  }

  /** The file of a path, else the page, which finds its way by the path itself; undefined where neither fits. */
  respond(c: Context): Response | undefined {
    if (c.req.method !== 'GET' && c.req.method !== 'HEAD') return undefined;
    const { path } = c.req;
    const exact = this.#files.get(path.slice(1));
    const file = exact ?? (NOT_A_PAGE.test(path) ? undefined : this.#files.get(INDEX));
    if (!file) return undefined;
    const isHashed = exact !== undefined && path.startsWith('/assets/');
    const headers = {
      'content-type': file.type,
      etag: file.etag,
      'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
      ...(file.isZipped && { vary: 'Accept-Encoding' }),
    };
    if (c.req.header('if-none-match') === file.etag) return new Response(null, { status: 304, headers });
    if (!file.isZipped) return new Response(file.bytes, { headers });
    if (takesGzip(c))
      return new Response(file.bytes, { headers: { ...headers, 'content-encoding': 'gzip' } });
    return new Response(unzipped(file.bytes), { headers });
  }
}

/** A file of the built dashboard as text; undefined where it is not built. */
export function builtText(name: string): string | undefined {
  const path = join(builtFolder(), `${name}${ZIPPED}`);
  return existsSync(path) ? gunzipSync(readFileSync(path)).toString() : undefined;
}

function builtFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('jetfleet/package.json');
  return join(dirname(manifest), 'dist', 'dashboard');
}

function readFiles(folder: string): Map<string, DashboardFile> {
  const files = new Map<string, DashboardFile>();
  for (const path of pathsIn(folder)) {
    const bytes = new Uint8Array(readFileSync(path));
    const isZipped = path.endsWith(ZIPPED);
    const name = isZipped ? path.slice(0, -ZIPPED.length) : path;
    // Weak: the same content goes out in two encodings.
    const etag = `W/"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    const type = getMimeType(name) ?? 'application/octet-stream';
    files.set(relative(folder, name).split(sep).join('/'), { bytes, isZipped, type, etag });
  }
  return files;
}

function unzipped(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gunzipSync(bytes));
}

function takesGzip(c: Context): boolean {
  const header = 'Accept-Encoding';
  return accepts(c, { header, supports: ['gzip', 'identity'], default: 'identity' }) === 'gzip';
}

function pathsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

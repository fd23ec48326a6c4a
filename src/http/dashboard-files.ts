import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative, sep } from 'node:path';
import type { Context } from 'hono';
import { getMimeType } from 'hono/utils/mime';

interface DashboardFile {
  bytes: Uint8Array<ArrayBuffer>;
  type: string;
  etag: string;
}

const INDEX = 'index.html';
/** Paths of programs: a wrong one is an error there, and no page. `/api` itself is the page with the reference. */
const NOT_A_PAGE = /^\/(api\/|assets(\/|$))/;

/** The built dashboard, held in memory: a path is looked up, never opened. */
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
    };
    if (c.req.header('if-none-match') === file.etag) return new Response(null, { status: 304, headers });
    return new Response(file.bytes, { headers });
  }
}

export function builtFolder(): string {
  const manifest = createRequire(import.meta.url).resolve('jetfleet/package.json');
  return join(dirname(manifest), 'dist', 'dashboard');
}

function readFiles(folder: string): Map<string, DashboardFile> {
  const files = new Map<string, DashboardFile>();
  for (const path of pathsIn(folder)) {
    const bytes = new Uint8Array(readFileSync(path));
    const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
    const type = getMimeType(path) ?? 'application/octet-stream';
    files.set(relative(folder, path).split(sep).join('/'), { bytes, type, etag });
  }
  return files;
}

function pathsIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

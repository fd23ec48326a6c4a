import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeOf } from '../support/snippets.js';
import { optionsOfUser, typeErrors } from '../support/type-errors.js';

const readme = readFileSync('README.md', 'utf8');
const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

/** What the guides use of packages that are not installed here. */
const OTHERS = `
declare module 'pg';
declare module '@nestjs/common' {
  export function Module(parts: { providers?: unknown[]; controllers?: unknown[] }): ClassDecorator;
  export function Controller(prefix?: string): ClassDecorator;
  export function Injectable(): ClassDecorator;
  export function Inject(token?: unknown): PropertyDecorator & ParameterDecorator;
  export function Get(path?: string): MethodDecorator;
  export function Post(path?: string): MethodDecorator;
  export function HttpCode(status: number): MethodDecorator;
  export function Body(): ParameterDecorator;
  export class ServiceUnavailableException extends Error { constructor(body?: unknown); }
}
declare module '@nestjs/core' {
  export const NestFactory: {
    create(module: unknown, options?: { logger?: false }): Promise<{
      enableShutdownHooks(): unknown;
      listen(port: number, host?: string): Promise<unknown>;
      getUrl(): Promise<string>;
    }>;
  };
}
`;

/** Type-checks code as a user of the package would write it, without writing output. */
function typeErrorsOf(blocks: string[]): string[] {
  const folder = join('dist', '.readme');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const files = blocks.map((block, index) => {
    const file = `block-${index}.mts`;
    writeFileSync(join(folder, file), block);
    return file;
  });
  // Their users install them themselves.
  writeFileSync(join(folder, 'others.d.ts'), OTHERS);
  const options = { ...optionsOfUser(), experimentalDecorators: true };
  const errors = typeErrors(folder, [...files, 'others.d.ts'], options);
  rmSync(folder, { recursive: true });
  return errors;
}

describe('README', () => {
  it('has the two commands on its first screen, and they exist', () => {
    const firstScreen = readme.split('\n').slice(0, 25).join('\n');
    expect(firstScreen).toContain('npm ci && npm run demo');
    expect(firstScreen).toContain('npm ci && npm test');
    expect(Object.keys(manifest.scripts)).toEqual(
      expect.arrayContaining(['demo', 'test', 'start', 'prepare']),
    );
  });

  it('has code that compiles against the package as it is, and so have the guides', () => {
    const pages = ['README.md', ...readdirSync('docs/guides').map((name) => `docs/guides/${name}`)];
    const blocks = pages.flatMap((page) => codeOf(page, 'ts'));
    expect(blocks.length).toBeGreaterThanOrEqual(30);
    expect(typeErrorsOf(blocks)).toEqual([]);
  });

  it('and the guides and examples name the packages that their code needs besides', () => {
    const guides = readdirSync('docs/guides').filter((name) => !name.startsWith('from-'));
    const examples = readdirSync('examples').filter((name) => name.endsWith('.ts'));
    const pages = [
      ...['README.md', 'docs/tutorial.md'],
      ...guides.map((name) => `docs/guides/${name}`),
      ...examples.map((name) => `examples/${name}`),
    ];
    const known = ['jetfleet', ...Object.keys(manifest.dependencies)];
    const unnamed = pages.flatMap((page) => {
      const text = readFileSync(page, 'utf8');
      const imported = [...text.matchAll(/^import [^'\n]*from '((?:@[^/']+\/)?[^./'@][^/']*)/gm)];
      const names = new Set(imported.map(([, name = '']) => name));
      const others = [...names].filter((name) => !name.startsWith('node:') && !known.includes(name));
      const installed = [...text.matchAll(/npm install (.*)/g)].flatMap(([, list = '']) =>
        list.split(/[\s`]+/),
      );
      return others.filter((name) => !installed.includes(name)).map((name) => `${page}: ${name}`);
    });
    expect(unnamed).toEqual([]);
  });

  it('links only to files that exist', () => {
    const targets = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target]) => target as string);
    expect(targets.length).toBeGreaterThan(5);
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });
});

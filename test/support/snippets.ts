import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { transform } from 'esbuild';
import { expect, onTestFinished } from 'vitest';
import { runInTurn } from './cli-runner.js';

/** A code block of a page. */
export interface Snippet {
  /** `sh`, `ts`, or nothing. */
  language: string;
  code: string;
}

export function snippetsOf(page: string): Snippet[] {
  const blocks = readFileSync(page, 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm);
  return [...blocks].map(([, language = '', code = '']) => ({ language, code }));
}

/** The code of a page in one language, block by block. */
export function codeOf(page: string, wanted: string): string[] {
  return snippetsOf(page).flatMap(({ language, code }) => (language === wanted ? [code] : []));
}

/**
 * Writes TypeScript into a file inside the package, whose name it imports, as the JavaScript that `tsx` would make of it: Node starts
 * that in half of the time. The file goes when the test ends.
 */
export async function asFile(code: string): Promise<string> {
  const folder = await mkdtemp(join('dist', '.snippet-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = join(folder, 'snippet.mjs');
  await writeFile(file, (await transform(code, { loader: 'ts', target: 'node20' })).code);
  return file;
}

/** A program that runs. */
export interface Example {
  child: ChildProcess;
  lines: string[];
  /** Resolves with the first line that fits, once it is printed. */
  line(pattern: RegExp): Promise<string>;
  /** Resolves with the exit code once everything is printed. */
  ended: Promise<number | null>;
}

/** Runs a file as its reader would, in a process of its own, against the built package. */
export function runFile(file: string, args: string[] = [], env: Record<string, string> = {}): Example {
  return follow(process.execPath, [file, ...args], env);
}

/**
 * Runs shell commands as their reader would. `npx jetfleet` is the built command, `nats req` and `curl` are stand-ins for
 * what a machine may not have.
 */
export function runShell(code: string, env: Record<string, string> = {}): Example {
  const node = `"${process.execPath}"`;
  const npx = `npx() { test "$1" = jetfleet || return; shift; ${node} bin/jetfleet.js "$@"; }`;
  const tool = (name: string) => `${name}() { ${node} test/support/snippet-tool.mjs ${name} "$@"; }`;
  const script = ['set -eu', npx, ...['nats', 'curl'].map(tool), code].join('\n');
  return follow('bash', ['-c', script], env);
}

/** What a program prints that ends well: TypeScript of a page. It shares a process with others, one after another, as commands do. */
export async function printed(code: string, env: Record<string, string>): Promise<string[]> {
  const { stdout, stderr, ...ended } = await runInTurn(
    { module: await asFile(code) },
    readersEnvironment(env),
  );
  expect(ended, stdout + stderr).toEqual({ code: 0 });
  return stdout.split('\n').slice(0, -1);
}

/** What shell commands print that end well. */
export async function printedByShell(code: string, env: Record<string, string>): Promise<string[]> {
  const { lines, ended } = runShell(code, env);
  expect(await ended, lines.join('\n')).toBe(0);
  return lines;
}

function readersEnvironment(env: Record<string, string>): NodeJS.ProcessEnv {
  const { NATS_URL: _url, JETFLEET_NAMESPACE: _namespace, ...clean } = process.env;
  return { ...clean, LOG_LEVEL: 'silent', ...env };
}

function follow(command: string, args: string[], env: Record<string, string>): Example {
  const child = spawn(command, args, {
    env: readersEnvironment(env),
    stdio: ['ignore', 'pipe', 'inherit'],
    // A shell runs programs, which end with it.
    detached: true,
  });
  onTestFinished(() => killAll(child));
  const lines: string[] = [];
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  const line = (pattern: RegExp) =>
    new Promise<string>((resolve, reject) => {
      const check = (text: string) => pattern.test(text) && resolve(text);
      lines.forEach(check);
      output.on('line', check);
      output.on('close', () => reject(new Error(`no line fits ${pattern}:\n${lines.join('\n')}`)));
    });
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { child, lines, line, ended };
}

function killAll({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All have ended.
  }
}

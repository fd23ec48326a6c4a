import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { CliResult } from './cli.js';

/** What the runner writes on each stream after the output of a program. */
const END = '\u0000';

let runner: ChildProcess | undefined;
let last: Promise<unknown> = Promise.resolve();

/** A command line, or a module that is imported in its place. */
export type Program = { args: string[] } | { module: string };

/**
 * Runs a program in a process that runs one after another, in the order of the calls. The process ends with this one.
 */
export function runInTurn(program: Program, env: NodeJS.ProcessEnv): Promise<CliResult> {
  const turn = last.then(() => run(program, env));
  last = turn.catch(() => {});
  return turn;
}

async function run(program: Program, env: NodeJS.ProcessEnv): Promise<CliResult> {
  runner ??= start();
  const child = runner;
  const written = Promise.all([outputOf(child.stdout as Socket), outputOf(child.stderr as Socket)]);
  const over = new AbortController();
  const answer = once(child, 'message', over).then(([{ code }]) => code as number);
  // A program may end the process; the next one starts another.
  const closed = once(child, 'close', over).then(([code]) => code as number | null);
  child.send({ ...program, env });
  const code = await Promise.race([answer, closed]);
  for (const rest of [answer, closed]) rest.catch(() => {});
  over.abort();
  const [stdout, stderr] = await written;
  return { code, stdout, stderr };
}

/** What the program writes on a stream, until its end. */
function outputOf(stream: Socket): Promise<string> {
  return new Promise((resolve) => {
    let written = '';
    const end = () => {
      stream.off('data', take).off('close', end);
      resolve(written.replace(END, ''));
    };
    const take = (text: string) => {
      written += text;
      if (written.endsWith(END)) end();
    };
    stream.on('data', take).on('close', end);
  });
}

function start(): ChildProcess {
  const child = spawn(process.execPath, ['test/support/cli-runner.mjs'], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  child.unref();
  child.channel?.unref();
  for (const stream of [child.stdout, child.stderr]) (stream as Socket).setEncoding('utf8').unref();
  child.once('exit', () => {
    if (runner === child) runner = undefined;
  });
  return child;
}

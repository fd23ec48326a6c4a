import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect } from 'node:net';
import { onTestFinished, vi } from 'vitest';
import { runInTurn } from './cli-runner.js';
import { natsServerBinary } from './nats.js';

export interface CliResult {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A `jetfleet` process that runs. */
export interface RunningCli {
  child: ChildProcess;
  /** What it has written until now. */
  stdout(): string;
  stderr(): string;
  /** Waits until what it wrote on a stream fits, and gives it back. */
  until(stream: 'stdout' | 'stderr', pattern: RegExp): Promise<string>;
  ended: Promise<CliResult>;
}

/** The environment without anything that would set an option. */
export function bareEnvironment(extra: Record<string, string>): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(NATS_|JETFLEET_|NOVITA_|LOG_LEVEL$|FORCE_COLOR$|NO_COLOR$)/.test(name),
  );
  return { ...Object.fromEntries(kept), NATS_SERVER_BIN: natsServerBinary(), ...extra };
}

/** Starts `node bin/jetfleet.js`; it is killed when the test ends, if it still runs. */
export function startCli(args: string[], env: Record<string, string> = {}): RunningCli {
  const child = spawn(process.execPath, ['bin/jetfleet.js', ...args], { env: bareEnvironment(env) });
  const written = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.setEncoding('utf8').on('data', (text: string) => {
      written[stream] += text;
    });
  }
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...written }));
  return {
    child,
    stdout: () => written.stdout,
    stderr: () => written.stderr,
    until: (stream, pattern) =>
      vi.waitFor(
        () => {
          if (pattern.test(written[stream])) return written[stream];
          throw new Error(`${pattern} is not in ${JSON.stringify(written)}`);
        },
        { interval: 20 },
      ),
    ended,
  };
}

export interface CliCall {
  env?: Record<string, string>;
  /** What comes on stdin. */
  input?: string;
  /** Runs `node bin/jetfleet.js` itself. Defaults to whether there is an `input`. */
  alone?: boolean;
}

/** Runs a command to its end. Commands share a process, and run one after another, unless one is to be `alone`. */
export async function cli(
  args: string[],
  { env = {}, input, alone = input !== undefined }: CliCall = {},
): Promise<CliResult> {
  if (!alone) return runInTurn({ args }, bareEnvironment(env));
  const { child, ended } = startCli(args, env);
  child.stdin?.end(input);
  return ended;
}

/** Kills a process that a test started, when the test ends. */
export function killAtTheEnd<T extends RunningCli>(running: T): T {
  onTestFinished(() => void running.child.kill('SIGKILL'));
  return running;
}

/** Publishes with nothing but a socket, and waits until the server has taken it. */
export async function publishByHand(url: string, subject: string, body: string): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.write(
    `CONNECT {"verbose":false}\r\nPUB ${subject} ${Buffer.byteLength(body)}\r\n${body}\r\nPING\r\n`,
  );
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('PONG')) break;
  }
  socket.destroy();
}

/** A payload of `create_instance` that the simulated provider can serve. */
export function instancePayload(instanceId: string) {
  return {
    instanceId,
    name: instanceId,
    productName: 'RTX 4090 24GB',
    templateId: 'template-123',
    gpuNum: 1,
    rootfsSize: 60,
    region: 'CN-HK-01',
  };
}

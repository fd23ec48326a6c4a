import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { vi } from 'vitest';
import { type Bundle, bundleScript } from './bundle.js';

/** What `WorkerProcess.start` runs, made once for all processes of a test file. */
export function bundleWorker(): Promise<Bundle> {
  return bundleScript('support/crash-worker.ts');
}

/** A worker in a process of its own; see `crash-worker.ts`. */
export class WorkerProcess implements AsyncDisposable {
  readonly #child: ChildProcess;
  stdout = '';
  stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on('data', (chunk: Buffer) => {
      this.stdout += String(chunk);
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.stderr += String(chunk);
    });
  }

  /** Starts one and waits until it claims. */
  static async start(
    script: Bundle,
    url: string,
    namespace: string,
    ackWaitMs: number,
    name: string,
  ): Promise<WorkerProcess> {
    const args = [script.path, url, namespace, String(ackWaitMs), name];
    const worker = new WorkerProcess(spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] }));
    await worker.prints('ready');
    return worker;
  }

  /** Waits for a line that contains `text`, on stdout or in the log. */
  async prints(text: string): Promise<void> {
    await vi.waitFor(
      () => {
        if (!this.stdout.includes(text) && !this.stderr.includes(text)) {
          throw new Error(`no ${JSON.stringify(text)} in:\n${this.stdout}${this.stderr}`);
        }
      },
      { interval: 20 },
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Resolves once it has ended by itself. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) this.#child.kill('SIGKILL');
    await this.ended();
  }
}

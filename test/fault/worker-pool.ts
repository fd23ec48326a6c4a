import { type ChildProcess, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { atMost } from '../../src/jobs/deadline.js';
import { type Bundle, bundleScript } from '../support/bundle.js';
import type { FromWorker, ToWorker } from './protocol.js';

const STDIO = ['ignore', 'inherit', 'inherit', 'ipc'] as const;
const STOP_WITHIN_MS = 3_000;
const SPARE = 2;
const MOST_WAITING = 12;

/** One worker process. It serves one run after the other, until a fault ends it. */
export class WorkerProcess {
  readonly #child: ChildProcess;
  readonly exited: Promise<void>;
  /** Whether it has nothing to do. */
  #isIdle = false;
  #ended = false;
  #listener: (message: FromWorker) => void = () => {};
  #onIdle: () => void = () => {};

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#child.on('message', (message: FromWorker) => {
      if (message.type === 'idle') {
        this.#isIdle = true;
        this.#onIdle();
      } else this.#listener(message);
    });
    this.exited = once(this.#child, 'exit').then(() => {
      this.#ended = true;
      this.#onIdle();
    });
  }

  get ended(): boolean {
    return this.#ended;
  }
  get isIdle(): boolean {
    return this.#isIdle && !this.#ended;
  }

  /** Resolves when it has nothing to do, or is no more. */
  async idle(): Promise<void> {
    if (this.#isIdle || this.#ended) return;
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
  }

  send(message: ToWorker): void {
    this.#isIdle = false;
    // A process that has just died takes no message, and needs none.
    if (this.#child.connected) this.#child.send(message, () => {});
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  onMessage(listener: (message: FromWorker) => void): void {
    this.#listener = listener;
  }

  /** Ends it, whatever it is doing. */
  async kill(): Promise<void> {
    this.signal('SIGKILL');
    await this.exited;
  }
}

/** Keeps a few processes loaded, so that a run does not wait for Node to start. */
export class WorkerPool implements AsyncDisposable {
  readonly #script: Bundle;
  readonly #other: string | undefined;
  readonly #waiting: WorkerProcess[] = [];
  #closed = false;

  private constructor(script: Bundle, other: string | undefined) {
    this.#script = script;
    this.#other = other;
    this.#fill();
  }

  /** @param other the program of a worker in another language, which speaks JSON over the channel of Node's child processes */
  static async open(other?: string): Promise<WorkerPool> {
    return new WorkerPool(await bundleScript('fault/fault-worker.ts'), other);
  }

  async take(): Promise<WorkerProcess> {
    for (;;) {
      const worker = this.#waiting.shift() ?? this.#start();
      this.#fill();
      await worker.idle();
      if (!worker.ended) return worker;
    }
  }

  /** A worker in the other language: it starts in no time, and is not taken back. */
  async takeOther(): Promise<WorkerProcess> {
    if (this.#other === undefined) throw new Error('the pool has no worker in another language');
    const worker = new WorkerProcess(spawn(this.#other, { stdio: [...STDIO] }));
    await worker.idle();
    return worker;
  }

  /** Takes back a worker that was not hurt; one that does not stop in time is ended. */
  async giveBack(worker: WorkerProcess): Promise<void> {
    worker.onMessage(() => {});
    worker.send({ type: 'stop' });
    await atMost(STOP_WITHIN_MS, worker.idle());
    if (this.#closed || this.#waiting.length >= MOST_WAITING || !worker.isIdle) return worker.kill();
    this.#waiting.push(worker);
  }

  #fill(): void {
    while (!this.#closed && this.#waiting.length < SPARE) this.#waiting.push(this.#start());
  }

  #start(): WorkerProcess {
    return new WorkerProcess(fork(this.#script.path, { execArgv: [], stdio: [...STDIO] }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#waiting.splice(0).map((worker) => worker.kill()));
    await this.#script[Symbol.asyncDispose]();
  }
}

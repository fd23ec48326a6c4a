import { type ChildProcess, spawn } from 'node:child_process';
import { type EventEmitter, once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Capability, Config, Said } from './protocol.js';

/** A worker that the suite drives: its command, as `spawn` takes it. */
export type Command = readonly [file: string, ...args: string[]];

/** One process of a worker. */
export class ParityProcess implements AsyncDisposable {
  readonly name: string;
  readonly said: Said[] = [];
  supports: Capability[] = [];
  readonly #child: ChildProcess;
  readonly #events: EventEmitter;
  #ended: number | NodeJS.Signals | undefined;

  private constructor(name: string, child: ChildProcess, events: EventEmitter) {
    this.name = name;
    this.#child = child;
    this.#events = events;
    if (child.stdout) createInterface({ input: child.stdout }).on('line', (line) => this.#onLine(line));
    child.on('exit', (code, signal) => {
      this.#ended = signal ?? code ?? 0;
      events.emit('news');
    });
  }

  /** @param events hears `news` when the process has said something, or has ended */
  static async start([file, ...args]: Command, config: Config, events: EventEmitter): Promise<ParityProcess> {
    const env = { ...process.env, PARITY_CONFIG: JSON.stringify(config) };
    const child = spawn(file, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    const worker = new ParityProcess(config.name, child, events);
    while (!worker.said.some((each) => 'ready' in each)) {
      if (worker.hasEnded) throw new Error(`${config.name} ended before it was ready`);
      await once(events, 'news');
    }
    return worker;
  }

  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  #onLine(line: string): void {
    const said = JSON.parse(line) as Said;
    this.said.push(said);
    if ('ready' in said) this.supports = said.supports;
    this.#events.emit('news');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.hasEnded) return;
    this.signal('SIGKILL');
    while (!this.hasEnded) await once(this.#events, 'news');
  }
}

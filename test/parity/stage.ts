/** Plays vectors: a server, a namespace, the worker under test, and ours as the other one. */
import { EventEmitter, once } from 'node:events';
import { JobQueueService } from '../../src/index.js';
import { PATIENCE_MS } from '../support/patience-ms.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { difference, filled } from './match.js';
import { type Command, ParityProcess } from './parity-process.js';
import type { Capability } from './protocol.js';
import type { Action, Awaited, Expected, Vector } from './vector.js';
import { WireLog } from './wire-log.js';

const ACK_WAIT_MS = 1_000;
const DRAIN_MS = 300;
const LOOK_MS = 20;
const SURELY_WRONG_MS = 5_000;
/** The worker that has everything. */
const REFERENCE = 'reference';

export interface StageOptions {
  url: string;
  namespace: string;
  command: Command;
  /** Starts our worker, which takes what the other one leaves. */
  reference: Command;
}

export class Stage implements AsyncDisposable {
  readonly #options: StageOptions;
  readonly #log: WireLog;
  /** What the workers connect to. */
  readonly #network: TcpProxy;
  readonly #events = new EventEmitter();
  /** By the names of the vectors. */
  readonly #workers = new Map<string, ParityProcess>();
  #count = 0;
  /** Of the worker under test. */
  #supports: readonly Capability[] = [];
  /** Of the vector that is played. */
  #names: Record<string, string | number> = {};

  private constructor(options: StageOptions, log: WireLog, network: TcpProxy) {
    this.#options = options;
    this.#log = log;
    this.#network = network;
    this.#events.setMaxListeners(0);
  }

  static async open(options: StageOptions): Promise<Stage> {
    const { url, namespace } = options;
    await using queue = new JobQueueService({ servers: url, namespace, ackWaitMs: ACK_WAIT_MS });
    // As `jetfleet setup` does.
    await queue.setup();
    const network = await startTcpProxy({ targets: { host: '127.0.0.1', port: Number(new URL(url).port) } });
    const stage = new Stage(options, await WireLog.open(url, namespace), network);
    await stage.#start('one');
    return stage;
  }

  /** @throws Error that names the first difference */
  async play(vector: Vector): Promise<void> {
    const prefix = `${this.#options.namespace}.`;
    this.#names = { prefix, now: new Date().toISOString() };
    if (vector.isFresh) await this.#endAll();
    else await this.#start('one');
    this.#nameWorkers();
    const isLeft = vector.needs !== undefined && !this.#supports.includes(vector.needs);
    for (const step of vector.steps) await this.#act(step, isLeft);
    const expected = (isLeft ? vector.otherwise : vector.then) ?? {};
    for (const [job, list] of Object.entries(expected)) await this.#compare(job, list);
    if (vector.order) await this.#compareOrder(vector.order);
    await this.#endHurt(vector);
  }

  #nameWorkers(): void {
    for (const [name, worker] of this.#workers) this.#names[`worker${capital(name)}`] = worker.name;
  }

  async #start(name: string): Promise<void> {
    if (this.#workers.has(name)) return;
    const { namespace, command, reference } = this.#options;
    const config = {
      url: this.#network.url,
      namespace,
      name: `${name}-${++this.#count}`,
      ackWaitMs: ACK_WAIT_MS,
      drainMs: DRAIN_MS,
    };
    const worker = await ParityProcess.start(name === REFERENCE ? reference : command, config, this.#events);
    this.#workers.set(name, worker);
    if (name !== REFERENCE) this.#supports = worker.supports;
  }

  async #end(name: string): Promise<void> {
    await this.#workers.get(name)?.[Symbol.asyncDispose]();
    this.#workers.delete(name);
  }

  async #endAll(): Promise<void> {
    for (const name of [...this.#workers.keys()]) await this.#end(name);
  }

  /** Only `one`, where nothing was done to it, goes on to the next vector. */
  async #endHurt({ steps }: Vector): Promise<void> {
    const hurt = steps.flatMap((step) =>
      'kill' in step ? step.kill : 'freeze' in step ? step.freeze : 'terminate' in step ? step.terminate : [],
    );
    for (const name of [...this.#workers.keys()])
      if (name !== 'one' || hurt.includes(name)) await this.#end(name);
  }

  async #act(step: Action, isLeft: boolean): Promise<void> {
    if ('start' in step) {
      await this.#start(step.start);
      this.#nameWorkers();
    } else if ('publish' in step) await this.#publish(step);
    else if ('write' in step) await this.#log.append(filled(step.write, this.#names) as typeof step.write);
    else if ('notice' in step) this.#log.notify(step.notice, step.data);
    else if ('awaitLeft' in step) await this.#awaitLeft(step.awaitLeft, isLeft);
    else if ('await' in step) await this.#await(step.await, isLeft);
    else if ('cancel' in step) await this.#cancel(step.cancel);
    else if ('disconnect' in step) this.#network.cut();
    else if ('kill' in step) this.#signal(step.kill, 'SIGKILL');
    else if ('freeze' in step) this.#signal(step.freeze, 'SIGSTOP');
    else if ('thaw' in step) this.#signal(step.thaw, 'SIGCONT');
    else this.#signal(step.terminate, 'SIGTERM');
  }

  #signal(name: string, signal: NodeJS.Signals): void {
    const worker = this.#workers.get(name);
    if (!worker) throw new Error(`the vector starts no worker ${name}`);
    worker.signal(signal);
  }

  async #publish({ publish, headers = {}, data, text }: Extract<Action, { publish: string }>): Promise<void> {
    const body = text ?? JSON.stringify(data ?? null);
    const options = filled(headers, this.#names) as Record<string, string>;
    const { seq } = await this.#log.publish(publish, body, options);
    this.#names.published = seq;
    this.#names.bare = `seq-${seq}`;
  }

  async #cancel(id: string): Promise<void> {
    const last = (await this.#log.events(id)).at(-1);
    const before = last ? (JSON.parse(last.text) as Record<string, unknown>) : { id, type: 'parity' };
    const error = { code: 'JETFLEET_CANCELLED', message: 'The job was cancelled', retryable: false };
    const now = new Date().toISOString();
    await this.#log.append({
      ...(before as { id: string; type: string }),
      status: 'failed',
      state: 'cancelled',
      updatedAt: now,
      finishedAt: now,
      error,
    });
  }

  /** The other one gets it only once this one has ended: it would be given the job again and again. */
  async #awaitLeft(id: string, isLeft: boolean): Promise<void> {
    if (!isLeft) return;
    await this.#await({ answer: '-NAK', job: id }, isLeft);
    await this.#end('one');
    await this.#start(REFERENCE);
    this.#nameWorkers();
  }

  async #await(wanted: Awaited, isLeft: boolean): Promise<void> {
    // What a worker leaves to others does not begin there.
    if (isLeft && 'began' in wanted) return;
    const end = Date.now() + PATIENCE_MS;
    const isDone = () => this.#hasHappened(wanted);
    while (!(await isDone())) {
      if (Date.now() > end) throw new Error(`in vain: ${JSON.stringify(wanted)}; ${await this.#told()}`);
      await Promise.race([once(this.#events, 'news'), new Promise((go) => setTimeout(go, LOOK_MS))]);
    }
  }

  async #hasHappened(wanted: Awaited): Promise<boolean> {
    if ('exit' in wanted) return this.#workers.get(wanted.exit)?.hasEnded ?? true;
    if ('record' in wanted) {
      const last = (await this.#log.events(this.#idOf(wanted.record))).at(-1);
      return last !== undefined && JSON.parse(last.text).state === wanted.state;
    }
    if ('answer' in wanted) {
      const id = this.#idOf(wanted.job);
      return this.#log.entries.some(
        (each) => each.kind === 'answer' && each.id === id && each.body === wanted.answer,
      );
    }
    const said = [...this.#workers.values()].flatMap((worker) => worker.said);
    if ('stopped' in wanted)
      return said.some(
        (each) => 'stopped' in each && each.stopped === wanted.stopped && each.reason === wanted.reason,
      );
    const begun = said.filter(
      (each) =>
        'began' in each &&
        each.began === this.#idOf(wanted.began) &&
        (wanted.attempt === undefined || each.attempt === wanted.attempt),
    );
    return begun.length >= (wanted.times ?? 1);
  }

  #idOf(job: string): string {
    return String(filled(job, this.#names));
  }

  async #compare(job: string, expected: readonly Expected[]): Promise<void> {
    const id = this.#idOf(job);
    const withBeats = expected.some((each) => 'answer' in each && each.answer === '+WPI');
    let wrongSince: number | undefined;
    for (const end = Date.now() + PATIENCE_MS; ; ) {
      const found = difference(await this.#log.of(id, withBeats), expected, this.#names);
      if (!found) return;
      // Whose answer it is that was heard is known a moment later.
      wrongSince = found.startsWith('nothing') ? undefined : (wrongSince ?? Date.now());
      if (Date.now() > Math.min(end, (wrongSince ?? end) + SURELY_WRONG_MS))
        throw new Error(`job ${id}: ${found}; ${await this.#told(id)}`);
      await new Promise((go) => setTimeout(go, LOOK_MS));
    }
  }

  async #compareOrder(expected: readonly string[]): Promise<void> {
    const said = [...this.#workers.values()].flatMap((worker) => worker.said);
    const begun = said.flatMap((each) =>
      'began' in each && expected.includes(each.began) ? each.began : [],
    );
    if (begun.join() !== expected.join()) throw new Error(`they began as ${begun}, expected ${expected}`);
  }

  async #told(id?: string): Promise<string> {
    const log = id === undefined ? this.#log.entries.slice(-20) : await this.#log.of(id, true);
    return `what was said: ${JSON.stringify(log, undefined, 1)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#endAll();
    await this.#log[Symbol.asyncDispose]();
    await this.#network.stop();
  }
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

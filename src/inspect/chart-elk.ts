import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { ElkNode } from 'elkjs';
import { JetfleetError } from '../jobs/errors.js';

/** A thread that has nothing to do for this long ends; the next drawing starts another. */
const IDLE_MS = 30_000;
/** Graphs that wait for the thread; each may take seconds. */
const MAX_WAITING = 100;
/** More than the largest chart that is drawn takes. */
const LIMITS = { maxOldGenerationSizeMb: 512, stackSizeMb: 16 };
/** Neither the loaders nor the inspector of the process, which know nothing of a program without a file. */
const CLEAN = { execArgv: [], stdin: false };

/**
 * ELK has no way to stop, and a large graph takes seconds: it runs in a thread of its own, which blocks nobody and can be
 * ended. Its program is text, since a bundle has no file of its own for it. It unpacks ELK, which takes some 20 ms.
 */
const PROGRAM = `
const { readFileSync } = require('node:fs');
const { parentPort, workerData: path } = require('node:worker_threads');
const { brotliDecompressSync } = require('node:zlib');
const bytes = readFileSync(path);
const source = (path.endsWith('.br') ? brotliDecompressSync(bytes) : bytes).toString();
const module_ = { exports: {} };
new Function('module', 'exports', 'require', source)(module_, module_.exports, require);
const elk = new module_.exports();
parentPort.on('message', (graph) => {
  elk.layout(graph).then(
    (made) => parentPort.postMessage({ made: JSON.parse(JSON.stringify(made)) }),
    (error) => parentPort.postMessage({ error: String(error.message ?? error) }),
  );
});
parentPort.postMessage('ready');
`;

type Answer = 'ready' | { made: ElkNode; error?: undefined } | { made?: undefined; error: string };

interface Asked {
  graph: ElkNode;
  withinMs: number;
  resolve(made: ElkNode | undefined): void;
  reject(error: Error): void;
}

/** As the package brings it, packed; in a clone that was not built yet, as it is installed. */
function elkPath(): string {
  const { resolve } = createRequire(import.meta.url);
  const packed = join(dirname(resolve('jetfleet/package.json')), 'dist', 'lib', 'elk.br');
  return existsSync(packed) ? packed : resolve('elkjs/lib/elk.bundled.js');
}

/** Lays out one graph after the other in a thread that starts with the first. */
class LayoutThread {
  readonly #waiting: Asked[] = [];
  #worker: Worker | undefined;
  #isReady = false;
  #running: Asked | undefined;
  #timer: NodeJS.Timeout | undefined;

  layOut(graph: ElkNode, withinMs: number): Promise<ElkNode | undefined> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING) return reject(tooMany());
      this.#waiting.push({ graph, withinMs, resolve, reject });
      this.#next();
    });
  }

  #next(): void {
    if (this.#running) return;
    this.#worker ??= this.#start();
    const worker = this.#worker;
    clearTimeout(this.#timer);
    const asked = this.#isReady ? this.#waiting.shift() : undefined;
    if (asked) {
      this.#running = asked;
      this.#timer = setTimeout(() => this.#end(undefined), asked.withinMs);
      worker.postMessage(asked.graph);
    }
    if (this.#waiting.length > 0 || this.#running) {
      worker.ref();
      return;
    }
    worker.unref();
    this.#timer = setTimeout(() => this.#end(undefined), IDLE_MS).unref();
  }

  #start(): Worker {
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: elkPath(),
      resourceLimits: LIMITS,
      ...CLEAN,
    });
    worker.on('message', (answer: Answer) => {
      if (answer === 'ready') this.#isReady = true;
      else this.#answer(answer);
      this.#next();
    });
    // Out of memory or stack, or not to be loaded at all.
    worker.on('error', (error) => this.#end(error));
    return worker;
  }

  #answer({ made, error }: Exclude<Answer, 'ready'>): void {
    const asked = this.#running;
    this.#running = undefined;
    if (error === undefined) asked?.resolve(made);
    else asked?.reject(new Error(error));
  }

  /** Ends the thread, and with it what it was doing; what waits gets another one. */
  #end(error: Error | undefined): void {
    void this.#worker?.removeAllListeners().terminate();
    clearTimeout(this.#timer);
    this.#worker = undefined;
    this.#isReady = false;
    const asked = this.#running ?? (error ? this.#waiting.shift() : undefined);
    this.#running = undefined;
    if (error) asked?.reject(error);
    else asked?.resolve(undefined);
    if (this.#waiting.length > 0) this.#next();
  }
}

function tooMany(): JetfleetError {
  return new JetfleetError(
    'JETFLEET_CHART_BUSY',
    `${MAX_WAITING} drawings wait to be laid out; ask again in some seconds`,
    { retryable: true },
  );
}

const thread = new LayoutThread();

/**
 * Gives every node and edge of a graph its place. Other threads go on meanwhile.
 * @param withinMs what it may take, without the start of the thread
 * @returns undefined when it takes longer, or more memory than a chart is worth
 * @throws Error what ELK says of a graph that it cannot lay out; JetfleetError `JETFLEET_CHART_BUSY` while too many wait
 */
export function layOutGraph(graph: ElkNode, withinMs: number): Promise<ElkNode | undefined> {
  return thread.layOut(graph, withinMs);
}

/** Start scripts of simulated instances, really run: on this machine, each as long as there is its instance. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { SimulatedInstance, SimulatedInstances } from './instances.js';

export class StartScripts {
  readonly #instances: SimulatedInstances;
  readonly #apiKey: string;
  readonly #running = new Map<string, ChildProcess>();

  constructor(instances: SimulatedInstances, apiKey: string) {
    this.#instances = instances;
    this.#apiKey = apiKey;
  }

  /** Begins those of new instances, and ends those of instances that were stopped or deleted. */
  followUp(): void {
    const wanted = new Map(this.#instances.all().flatMap((each) => (isOn(each) ? [[each.id, each]] : [])));
    for (const id of this.#running.keys()) if (!wanted.has(id)) this.#end(id);
    for (const [id, instance] of wanted) if (!this.#running.has(id)) this.#begin(id, scriptOf(instance));
  }

  close(): void {
    for (const id of [...this.#running.keys()]) this.#end(id);
  }

  #begin(id: string, script: string | undefined): void {
    if (!script) return;
    // What Vast.ai gives its containers.
    const env = { PATH: process.env.PATH, CONTAINER_ID: id, CONTAINER_API_KEY: this.#apiKey };
    const child = spawn('/bin/sh', ['-c', script], { env, stdio: 'ignore', detached: true });
    child.on('error', () => {});
    this.#running.set(id, child);
  }

  /** With all that it has begun. */
  #end(id: string): void {
    const pid = this.#running.get(id)?.pid;
    this.#running.delete(id);
    if (pid === undefined) return;
    try {
      process.kill(-pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  }
}

function isOn({ order }: SimulatedInstance): boolean {
  return order !== 'stop' && order !== 'delete';
}

/** `onstart` of Vast.ai, `user_data` of Lambda. */
function scriptOf({ wire }: SimulatedInstance): string | undefined {
  const script = wire.onstart ?? wire.user_data;
  return typeof script === 'string' ? script : undefined;
}

/** The relays of an outbox, each a process; one that dies is replaced, as by a supervisor. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Arena } from './arena.js';
import type { Crew } from './crew.js';
import { RELAYS } from './outbox-scenario.js';
import type { PlannedFault, PlannedOutbox } from './plan.js';
import type { WorkerProcess } from './worker-pool.js';

export class Relays implements AsyncDisposable {
  readonly #start: (index: number) => Promise<WorkerProcess>;
  readonly #processes: WorkerProcess[] = [];
  #isOver = false;

  private constructor(start: (index: number) => Promise<WorkerProcess>) {
    this.#start = start;
  }

  static async start({ batchSize }: PlannedOutbox, { desk }: Arena, crew: Crew): Promise<Relays> {
    const databaseUrl = desk?.databaseUrl ?? '';
    const relays = new Relays(async (index) => {
      const relay = await crew.pool.take();
      const config = crew.configOf(`relay-${index}`);
      void crew.begun(relay, { type: 'relay', config, databaseUrl, batchSize });
      return relay;
    });
    await Promise.all(Array.from({ length: RELAYS }, (_, index) => relays.#fill(index)));
    return relays;
  }

  /** @returns whether it met a relay */
  async strike({ relay, action, forMs }: Extract<PlannedFault, { kind: 'relay' }>): Promise<boolean> {
    const process = this.#processes[relay];
    if (!process || process.ended) return false;
    process.signal(action === 'kill' ? 'SIGKILL' : 'SIGSTOP');
    if (action === 'freeze') {
      await delay(forMs);
      process.signal('SIGCONT');
    }
    return true;
  }

  async #fill(index: number): Promise<void> {
    const relay = await this.#start(index);
    if (this.#isOver) return relay.kill();
    this.#processes[index] = relay;
    void relay.exited.then(() => {
      if (!this.#isOver) void this.#fill(index);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#processes.map((relay) => relay.kill()));
  }
}

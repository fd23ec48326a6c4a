import type { NatsConnection } from '@nats-io/transport-node';
import type { OutgoingMessage } from './client-internals.js';
import { send } from './guarded.js';

/**
 * What a worker answers to its deliveries. The answers of one turn of the event loop leave together: each would be a
 * write to the socket of its own otherwise, which is most of what an acknowledgement costs.
 */
export class Replies {
  readonly #connection: NatsConnection;
  #waiting: OutgoingMessage[] = [];

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Sends `body` at the end of this turn; answers leave in their order. */
  send(subject: string, body: string): void {
    this.#waiting.push({ subject, data: body });
    if (this.#waiting.length === 1) setImmediate(() => this.flush());
  }

  /**
   * Sends what waits now. The deliveries whose answers a closed or drained connection no longer takes come again.
   * @returns whether anything waited
   */
  flush(): boolean {
    const waiting = this.#waiting;
    this.#waiting = [];
    send(this.#connection, waiting);
    return waiting.length > 0;
  }
}

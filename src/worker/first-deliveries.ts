import type { Broker } from '../broker/broker.js';
import type { Logger } from '../telemetry/logger.js';

/**
 * Which messages of JOBS are surely handed out for the first time when they say so. A consumer that comes back after a
 * crash of its server has forgotten its last deliveries, and counts from 1 again: what was stored before that may have
 * run already. With replicas another node may take over as forgetfully, and unseen.
 */
export class FirstDeliveries {
  readonly #broker: Broker;
  readonly #logger: Logger;
  /** Messages after this sequence are. */
  #after = Number.POSITIVE_INFINITY;
  #reconnects = 0;

  constructor(broker: Broker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
  }

  /** Trusts everything that a single server hands out, until it goes away. */
  async begin(): Promise<void> {
    const { config } = await this.#broker.topology.streamInfo('jobs');
    if (config.num_replicas === 1) this.#after = 0;
  }

  /** The server is away: whatever it hands out when it is back may have been handed out before. */
  distrust(): void {
    this.#reconnects++;
    this.#after = Number.POSITIVE_INFINITY;
  }

  /** After a reconnect: trusts what is stored from now on. */
  async renew(): Promise<void> {
    this.distrust();
    const reconnect = this.#reconnects;
    try {
      const { config, state } = await this.#broker.topology.streamInfo('jobs');
      if (reconnect === this.#reconnects && config.num_replicas === 1) this.#after = state.last_seq;
    } catch (err) {
      this.#logger.warn({ err }, 'cannot read the last sequence; jobs begin once their claims are written');
    }
  }

  has(seq: number): boolean {
    return seq > this.#after;
  }
}

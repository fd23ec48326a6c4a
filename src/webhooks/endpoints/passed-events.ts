/** How far the ends of jobs have been passed on to the endpoints: by then all turns of the webhooks about them are taken. */
import type { Broker } from '../../broker/broker.js';

/** The durable consumer of EVENTS that passes them on. */
export const FAN_OUT = 'jetfleet-endpoints';

export class PassedEvents {
  readonly #broker: Broker;
  #upTo = 0;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /** The sequence up to which all are, as far as is known here. */
  get upTo(): number {
    return this.#upTo;
  }

  /** Several are passed on at a time, and one may be behind those after it. @returns whether all are, up to a sequence */
  async reach(seq: number): Promise<boolean> {
    if (seq <= this.#upTo) return true;
    const consumer = await this.#broker.topology.consumer('events', FAN_OUT);
    // Where it is gone, nobody passes any on.
    this.#upTo = Math.max(this.#upTo, consumer?.ack_floor.stream_seq ?? seq);
    return seq <= this.#upTo;
  }
}

/** How far the ends of jobs have been passed on to the endpoints: by then all turns of the webhooks about them are taken. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';

/** The durable consumer of EVENTS that passes them on. */
export const FAN_OUT = 'jetfleet-endpoints';

const SHARED_MS = 5;

export class PassedEvents {
  readonly #broker: Broker;
  #upTo = 0;
  #asking: Promise<number | undefined> | undefined;

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
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
    });
    // Where the consumer is gone, nobody passes any on.
    this.#upTo = Math.max(this.#upTo, (await this.#asking) ?? seq);
    return seq <= this.#upTo;
  }

  /** All that wait share one question, and there are not many in a second. */
  async #ask(): Promise<number | undefined> {
    await delay(SHARED_MS);
    return (await this.#broker.topology.consumer('events', FAN_OUT))?.ack_floor.stream_seq;
  }
}

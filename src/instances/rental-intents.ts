import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import type { JobRecord } from '../jobs/job-record.js';
import { ANY } from '../wire/subjects.js';
import { createInstance } from './jobs.js';

/** An instance that a create job is about to rent, or has just rented. */
export interface RentalIntent {
  gpuNum: number;
  /** Sequence of the event that announced it: who announced first goes first. */
  seq: number;
  /** When its job ended, in ms since the epoch. */
  endedMs?: number;
  /** The list has shown it since its job ended: from then on the list alone says whether it is there. */
  isListed?: boolean;
}

const PAGE = 500;
/** An older intent of a job that has not ended is refused its turn by its lease, or shows in the provider's list. */
const LOOK_BACK_MS = 60 * 60_000;
/** How long a list may lag behind a create. */
const LAG_MS = 60_000;
/** A create that ended so has rented nothing. */
const NOTHING_RENTED: ReadonlySet<string> = new Set([
  'JETFLEET_LIMIT_INSTANCES',
  'JETFLEET_LIMIT_GPUS',
  'JETFLEET_PROVIDER_CAPACITY',
  'JETFLEET_PROVIDER_QUOTA',
  'JETFLEET_PROVIDER_BALANCE',
  'JETFLEET_PROVIDER_AUTH',
  'JETFLEET_PROVIDER_VALIDATION',
  'JETFLEET_PROVIDER_RATE_LIMITED',
]);

/**
 * The creates under way in the whole fleet, by the names of their instances, as the events of their jobs tell. Each
 * create is announced by an event before it is sent, so one that reads after its own announcement sees all before it.
 */
export class RentalIntents {
  readonly #broker: Broker;
  readonly #intents = new Map<string, RentalIntent>();
  #next: number | undefined;

  constructor(broker: Broker) {
    this.#broker = broker;
  }

  /**
   * Reads what is new.
   * @throws BrokerError
   */
  async readOn(): Promise<ReadonlyMap<string, RentalIntent>> {
    const { subjects, read } = this.#broker;
    const stream = subjects.streamName('events');
    const filter = subjects.event(createInstance.type, ANY, ANY);
    this.#next ??= await read.sequenceAt(stream, this.#broker.clock.now() - LOOK_BACK_MS);
    for await (const message of read.walk(stream, filter, this.#next, PAGE)) {
      this.#take(message);
      this.#next = message.seq + 1;
    }
    const now = this.#broker.clock.now();
    for (const [name, { endedMs, isListed }] of this.#intents) {
      if (!isListed && endedMs !== undefined && now - endedMs > LAG_MS) this.#intents.delete(name);
    }
    return this.#intents;
  }

  /** What one list shows. An instance of an ended job that an earlier list showed, and this one does not, is gone. */
  listed(names: ReadonlySet<string>): void {
    for (const [name, intent] of this.#intents) {
      if (intent.endedMs === undefined) continue;
      if (names.has(name)) intent.isListed = true;
      else if (intent.isListed) this.#intents.delete(name);
    }
  }

  #take(message: StoredMessage): void {
    const record = this.#broker.recordOf(message);
    const name = record && announcedName(record);
    if (!record || name === undefined) return;
    const { status, error, finishedAt, updatedAt, payload } = record;
    if (status !== 'processing' && NOTHING_RENTED.has(error?.code ?? '')) {
      this.#intents.delete(name);
      return;
    }
    const known = this.#intents.get(name);
    const { gpuNum } = (payload ?? {}) as { gpuNum?: unknown };
    const isOver = status === 'completed' || status === 'failed';
    this.#intents.set(name, {
      gpuNum: typeof gpuNum === 'number' ? gpuNum : 1,
      seq: known?.seq ?? message.seq,
      ...(isOver && { endedMs: Date.parse(finishedAt ?? updatedAt) }),
    });
  }
}

/** The name under which a create may have been sent: a checkpoint with an offer comes just before each create. */
function announcedName({ checkpoint }: JobRecord): string | undefined {
  const { instanceName, productId } = (checkpoint ?? {}) as { instanceName?: unknown; productId?: unknown };
  return typeof instanceName === 'string' && productId !== undefined ? instanceName : undefined;
}

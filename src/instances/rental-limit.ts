import { AtOnce } from '../broker/at-once.js';
import type { Broker } from '../broker/broker.js';
import type { StoredMessage } from '../broker/read/direct-read.js';
import { INSTANCE_NAME_PREFIX } from '../gpu/instance-name.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';
import { RetryableError } from '../jobs/errors.js';
import type { JobRecord } from '../jobs/job-record.js';
import { isTerminal } from '../jobs/vocabulary.js';
import { ANY } from '../wire/subjects.js';
import { isEnding } from './ending.js';
import { createInstance, instanceNameOf } from './jobs.js';

export interface RentalLimits {
  /**
   * Instances that may be rented at once, 0 to 1,000,000. Counted are all whose name begins with `jetfleet-` on the
   * provider's account, and the creates under way in every worker of the queue. A create beyond it rents nothing, raises
   * an alert and is tried again after 30 s: `JETFLEET_LIMIT_INSTANCES`. Defaults to no limit.
   */
  maxInstances?: number;
  /** As `maxInstances`, for GPUs: `JETFLEET_LIMIT_GPUS`. An instance whose provider does not say counts as 8. */
  maxGpus?: number;
}

/** The highest limit that can be set. */
export const MAX_RENTAL_LIMIT = 1_000_000;
/** Of an instance whose provider does not say: the most that one create rents. */
const UNKNOWN_GPUS = 8;
const RETRY_AFTER_MS = 30_000;
/** How old a list may be that counts for a provider that does not answer: intents are remembered for as long. */
const LAST_LIST_MS = 30 * 60_000;

/**
 * Refuses creates beyond what a worker may have rented. It counts all instances of the account with the prefix of our
 * names, and the creates under way in every worker of the queue that were announced before this one.
 */
export class RentalLimit {
  readonly #parts: readonly GpuProvider[];
  readonly #lastLists = new Map<string, { atMs: number; instances: Rented[] }>();
  readonly #broker: () => Promise<Broker>;
  readonly #limits: RentalLimits;
  #intents: RentalIntents | undefined;
  /** Counts take turns: they read on from one place. */
  readonly #counts = new AtOnce(1);

  constructor(parts: readonly GpuProvider[], broker: () => Promise<Broker>, limits: RentalLimits) {
    this.#parts = parts;
    this.#broker = broker;
    this.#limits = limits;
  }

  /**
   * Called after the create was announced, and before it is sent.
   * @throws RetryableError `JETFLEET_LIMIT_INSTANCES`, `JETFLEET_LIMIT_GPUS`; ProviderError, BrokerError
   */
  admit(name: string, gpuNum: number, signal: AbortSignal): Promise<void> {
    return this.#counts.run(() => this.#admit(name, gpuNum, signal));
  }

  async #admit(name: string, gpuNum: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { maxInstances = Number.POSITIVE_INFINITY, maxGpus = Number.POSITIVE_INFINITY } = this.#limits;
    const rented = await this.#rentedBefore(name, signal);
    if (rented.instances + 1 > maxInstances) {
      throw refused(
        'JETFLEET_LIMIT_INSTANCES',
        `maxInstances is ${maxInstances}, and ${rented.instances} instances are rented or about to be`,
      );
    }
    if (rented.gpus + gpuNum > maxGpus) {
      throw refused(
        'JETFLEET_LIMIT_GPUS',
        `maxGpus is ${maxGpus}, ${rented.gpus} GPUs are rented or about to be, and the job asks for ${gpuNum}`,
      );
    }
  }

  /** What others have rented, or are about to with an earlier announcement. */
  async #rentedBefore(name: string, signal: AbortSignal): Promise<{ instances: number; gpus: number }> {
    this.#intents ??= new RentalIntents(await this.#broker());
    const intents = await this.#intents.readOn();
    const own = intents.get(name)?.seq ?? Number.POSITIVE_INFINITY;
    const rented = { instances: 0, gpus: 0 };
    const listed = new Set<string>();
    // Read now and not from the directory: what others rented before this announcement has to be in it.
    const lists = await Promise.all(this.#parts.map((part) => this.#listOf(part, signal)));
    for (const instance of lists.flat()) {
      rented.instances += 1;
      rented.gpus += gpusOf(instance, intents.get(instance.name)?.gpuNum);
      listed.add(instance.name);
    }
    this.#intents.listed(listed);
    for (const [other, { seq, gpuNum }] of intents) {
      if (other === name || listed.has(other) || seq > own) continue;
      rented.instances += 1;
      rented.gpus += gpuNum;
    }
    return rented;
  }

  /**
   * The instances of one provider. One of several that does not answer keeps no other from renting: what it showed last counts, and what was
   * announced since then.
   * @throws ProviderError where it has shown nothing lately
   */
  async #listOf(part: GpuProvider, signal: AbortSignal): Promise<Rented[]> {
    const atMs = performance.now();
    try {
      const instances: Rented[] = [];
      for await (const instance of part.list({ namePrefix: INSTANCE_NAME_PREFIX }, signal)) {
        const { name, status, gpuNum } = instance;
        if (!isEnding(status)) instances.push({ name, ...defined({ gpuNum }) });
      }
      this.#lastLists.set(part.name, { atMs, instances });
      return instances;
    } catch (error) {
      signal.throwIfAborted();
      const last = this.#lastLists.get(part.name);
      if (this.#parts.length === 1 || !last || atMs - last.atMs > LAST_LIST_MS) throw error;
      return last.instances;
    }
  }
}

/** What is counted of an instance. */
type Rented = Pick<Instance, 'name' | 'gpuNum'>;

/** The more of what is shown and what was asked for: a provider may say less than it charges for. */
function gpusOf({ gpuNum: shown }: Rented, asked: number | undefined): number {
  const isCount = shown !== undefined && Number.isInteger(shown) && shown > 0;
  return isCount ? Math.max(shown, asked ?? 0) : (asked ?? UNKNOWN_GPUS);
}

function refused(code: 'JETFLEET_LIMIT_INSTANCES' | 'JETFLEET_LIMIT_GPUS', why: string): RetryableError {
  const message = `nothing is rented: ${why}; raise the limit of the worker, or delete instances`;
  return new RetryableError(message, { code, retryAfterMs: RETRY_AFTER_MS });
}

/** An instance that a create job is about to rent, or has just rented. */
interface RentalIntent {
  gpuNum: number;
  /** Sequence of the event that announced it: who announced first goes first. */
  seq: number;
  hasEnded: boolean;
  /** Until when it counts although no list shows it, in ms since the epoch. Of a listed one of an ended job: for ever. */
  untilMs: number;
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
class RentalIntents {
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
    const { subjects, read, clock } = this.#broker;
    const stream = subjects.streamName('events');
    this.#next ??= await read.sequenceAt(stream, clock.now() - LOOK_BACK_MS);
    const events = read.walk(stream, subjects.event(createInstance.type, ANY, ANY), this.#next, PAGE);
    for await (const message of events) {
      this.#take(message);
      this.#next = message.seq + 1;
    }
    const now = clock.now();
    for (const [name, { untilMs }] of this.#intents) if (now > untilMs) this.#intents.delete(name);
    return this.#intents;
  }

  /** What one list shows. An instance of an ended job that an earlier list showed, and this one does not, is gone. */
  listed(names: ReadonlySet<string>): void {
    for (const [name, intent] of this.#intents) {
      if (!intent.hasEnded) continue;
      if (names.has(name)) intent.untilMs = Number.POSITIVE_INFINITY;
      else if (intent.untilMs === Number.POSITIVE_INFINITY) this.#intents.delete(name);
    }
  }

  #take(message: StoredMessage): void {
    const record = this.#broker.recordOf(message);
    const name = record && instanceNameOf(record);
    if (!record || name === undefined) return;
    if (!isAnnounced(record)) {
      // It was, and waits for its turn without having been sent.
      this.#intents.delete(name);
      return;
    }
    const { status, error, finishedAt, updatedAt, payload } = record;
    if (status !== 'processing' && NOTHING_RENTED.has(error?.code ?? '')) {
      this.#intents.delete(name);
      return;
    }
    const { gpuNum } = (payload ?? {}) as { gpuNum?: unknown };
    const hasEnded = isTerminal(status);
    this.#intents.set(name, {
      gpuNum: typeof gpuNum === 'number' ? gpuNum : 1,
      seq: this.#intents.get(name)?.seq ?? message.seq,
      hasEnded,
      // The end of a job may never be read: a cleanup removes it, or it expires.
      untilMs: hasEnded ? Date.parse(finishedAt ?? updatedAt) + LAG_MS : message.timeMs + LOOK_BACK_MS,
    });
  }
}

/** Whether a create may have been sent: a checkpoint with an offer comes just before each create. */
function isAnnounced({ checkpoint }: JobRecord): boolean {
  return ((checkpoint ?? {}) as { productId?: unknown }).productId !== undefined;
}

/** How many jobs are in each state within `failed`: the subject of an event has its status alone. */
import type { Broker } from '../../broker/broker.js';
import type { JobState } from '../../jobs/vocabulary.js';
import { ANY } from '../../wire/subjects.js';

export interface FailedStateCounts {
  counts: ReadonlyMap<JobState, number>;
  /** Whether they are still being counted for the first time: then there are more. */
  isCounting: boolean;
}

interface Tally {
  counts: Map<JobState, number>;
  /** Events that were counted, and the sequence to go on from. */
  events: number;
  nextSeq: number;
}

const PAGE = 500;
/** A screen must not wait for a million records. */
const PATIENCE_MS = 150;
/** All are read again after so many times what that took, where some were removed. */
const REST = 10;

/** Reads the records of failed jobs once, then those that come. All are read again once some of them were removed. */
export class FailedStates {
  readonly #broker: () => Promise<Broker>;
  #known: Tally | undefined;
  /** What was counted so far, the first time. */
  #partial: Tally = emptyTally();
  #updating: Promise<void> | undefined;
  #recountAtMs = 0;

  constructor(broker: () => Promise<Broker>) {
    this.#broker = broker;
  }

  /** As they are, or were a short time ago. Takes about 150 ms at most. */
  async count(): Promise<FailedStateCounts> {
    const broker = await this.#broker();
    this.#updating ??= this.#update(broker).finally(() => {
      this.#updating = undefined;
    });
    const updating = this.#updating;
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS);
    });
    // What fails after that fails for the next call.
    updating.catch(() => {});
    await Promise.race([updating, patience]).finally(() => clearTimeout(timer));
    return { counts: (this.#known ?? this.#partial).counts, isCounting: this.#known === undefined };
  }

  async #update(broker: Broker): Promise<void> {
    const { counts, subjects } = broker;
    if (this.#known) {
      await countFrom(broker, this.#known);
      const all = await counts.of(subjects.streamName('events'), failures(broker));
      if (all === this.#known.events || performance.now() < this.#recountAtMs) return;
    }
    const began = performance.now();
    this.#partial = emptyTally();
    await countFrom(broker, this.#partial);
    this.#known = this.#partial;
    this.#recountAtMs = performance.now() + REST * (performance.now() - began);
  }
}

function emptyTally(): Tally {
  return { counts: new Map(), events: 0, nextSeq: 1 };
}

async function countFrom(broker: Broker, tally: Tally): Promise<void> {
  const stream = broker.subjects.streamName('events');
  for await (const page of broker.read.pages(stream, failures(broker), tally.nextSeq, PAGE)) {
    for (const message of page) {
      const state = broker.recordOf(message)?.state;
      if (state !== undefined) tally.counts.set(state, (tally.counts.get(state) ?? 0) + 1);
      tally.events++;
      tally.nextSeq = message.seq + 1;
    }
  }
}

function failures({ subjects }: Broker): string {
  return subjects.event(ANY, 'failed', ANY);
}

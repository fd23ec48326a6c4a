import type { ConsumerInfo, JetStreamManager } from '@nats-io/jetstream';
import { beginningOf } from '../../jobs/excerpt.js';
import { AtOnce } from '../at-once.js';

/** An event that a durable consumer has given up, since its handler failed each time. */
export interface EventDeadLetter {
  /** Its sequence in EVENTS, where it stays until it expires. */
  seq: number;
  jobId: string;
  /** ISO 8601. */
  at: string;
  deliveries: number;
  /** What the handler threw last, at most 200 characters. */
  error: string;
}

/** Kept with a consumer; the oldest go first. The server takes 128 KiB of metadata. */
const MAX_KEPT = 100;
const MAX_ERROR_LENGTH = 200;
/** Processes that share a consumer may write at once, and one write undo another: each looks again after so long. */
const CHECKS_MS = [200, 1_000];

/** They are metadata of the consumer: they last as long as it, are seen by everybody, and need no stream of their own. */
const COUNT = 'jetfleet-dead-letters';
const PREFIX = 'jetfleet-dead-letter-';

/** Keeps the dead letters that this process finds for one consumer. */
export class EventDeadLetters {
  readonly #jsm: JetStreamManager;
  readonly #stream: string;
  readonly #consumer: string;
  readonly #own = new Map<string, string>();
  readonly #writes = new AtOnce(1);
  #checks: NodeJS.Timeout[] = [];

  constructor(jsm: JetStreamManager, stream: string, consumer: string) {
    this.#jsm = jsm;
    this.#stream = stream;
    this.#consumer = consumer;
  }

  async keep(letter: EventDeadLetter): Promise<void> {
    const error = beginningOf(letter.error, MAX_ERROR_LENGTH);
    this.#own.set(PREFIX + letter.seq, JSON.stringify({ ...letter, error }));
    for (const key of this.#own.keys()) if (this.#own.size > MAX_KEPT) this.#own.delete(key);
    const write = () => this.#writes.run(() => this.#writeMissing());
    await write();
    for (const timer of this.#checks) clearTimeout(timer);
    // The letter is kept by now. A check that fails finds nothing out, and the next one asks again.
    this.#checks = CHECKS_MS.map((ms) => setTimeout(() => void write().catch(() => {}), ms).unref());
  }

  /** Writes those of its letters that the consumer lacks. */
  async #writeMissing(): Promise<void> {
    const info = await this.#jsm.consumers.info(this.#stream, this.#consumer);
    const { metadata = {} } = info.config;
    const all = Object.entries(metadata);
    const kept = all.filter(([name]) => name.startsWith(PREFIX)).sort(bySeq);
    const oldest = kept.length < MAX_KEPT ? 0 : seqOf(kept[0]?.[0] ?? '');
    const missing = [...this.#own].filter(([key]) => metadata[key] === undefined && seqOf(key) > oldest);
    if (missing.length === 0) return;
    const others = all.filter(([name]) => !name.startsWith(PREFIX));
    const latest = [...kept, ...missing].sort(bySeq).slice(-MAX_KEPT);
    const count = String(countOf(info) + missing.length);
    const next = { ...Object.fromEntries([...others, ...latest]), [COUNT]: count };
    await this.#jsm.consumers.update(this.#stream, this.#consumer, { metadata: next });
  }
}

/** How many events a consumer has given up, and the latest of them, oldest first. */
export function deadLettersOf(info: ConsumerInfo): { deadLetters: number; latest: EventDeadLetter[] } {
  const latest = Object.entries(info.config.metadata ?? {}).flatMap(([name, value]) => {
    const letter = name.startsWith(PREFIX) ? readLetter(value) : undefined;
    return letter ? [letter] : [];
  });
  return { deadLetters: countOf(info), latest: latest.sort((a, b) => a.seq - b.seq) };
}

function countOf({ config: { metadata = {} } }: ConsumerInfo): number {
  const count = Number(metadata[COUNT]);
  return Number.isSafeInteger(count) && count > 0 ? count : 0;
}

function bySeq([a]: [string, string], [b]: [string, string]): number {
  return seqOf(a) - seqOf(b);
}

function seqOf(key: string): number {
  return Number(key.slice(PREFIX.length));
}

function readLetter(text: string): EventDeadLetter | undefined {
  try {
    const { seq, jobId, at, deliveries, error } = JSON.parse(text) as EventDeadLetter;
    return {
      seq: Number(seq),
      jobId: String(jobId),
      at: String(at),
      deliveries: Number(deliveries),
      error: String(error),
    };
  } catch {
    return undefined;
  }
}

import type { ActivityStore } from '../../broker/activity-store.js';
import { atMost, wakeable } from '../../jobs/deadline.js';
import { BrokerError, ConflictError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { MAX_ACTIVITY_BYTES } from '../../jobs/limits.js';
import type { Logger } from '../../telemetry/logger.js';
import { type ActivityKind, type ActivityMessage, decodeActivity, sealItems } from '../../wire/activity.js';
import { type Kept, KeptMessages } from './kept-messages.js';

/** The run whose handler reports. */
export interface ReportingRun {
  readonly record: JobRecord;
  /** Sequence of the job's last event as this run knows it, 0 while there is none. */
  readonly fence: number;
  readonly logger: Logger;
}

export interface ChannelOptions {
  kind: ActivityKind;
  run: ReportingRun;
  store: ActivityStore;
  /** The broker's time. */
  now: () => number;
  /** Least time between two writes. */
  everyMs: number;
  /** What the subject keeps at most. */
  max: Kept;
  /** Only the last item counts: it takes the place of one that waits. */
  isLatest?: boolean;
  /** Items count from 0 in each attempt, and not over all of them. */
  isOfAttempt?: boolean;
  /** What too many waiting items do: the oldest are dropped, or new ones refused. */
  overflow: 'drop' | 'refuse';
}

interface Item {
  /** Its JSON. */
  text: string;
  bytes: number;
  settle?: ((error?: unknown) => void) | undefined;
}

/** Bytes that wait for their write at most; handlers may report faster than the broker stores. */
const MAX_WAITING_BYTES = 2 * 1024 * 1024;
/** Of items in one message. */
const MAX_MESSAGE_BYTES = MAX_ACTIVITY_BYTES / 4;
const MAX_MESSAGE_ITEMS = 1_000;
/** A worker that was taken for dead may write before this run does, once. */
const MAX_TRIES = 5;

/**
 * The reports of one kind of one run: gathered, written in order, and fenced. Each message expects the one before as the last of its
 * subject; who finds a message of a later owner of the job there writes nothing any more.
 */
export class ReportChannel {
  readonly #options: ChannelOptions;
  readonly #kept: KeptMessages;
  #waiting: Item[] = [];
  #waitingBytes = 0;
  /** The number of the first item that waits. */
  #next = 0;
  /** Of the last message, as far as is known. */
  #lastSeq: number | undefined;
  #isRead = false;
  #running: Promise<void> | undefined;
  #writtenAtMs = Number.NEGATIVE_INFINITY;
  #isHurried = false;
  #hurry = () => {};
  #isStopped = false;
  #isFailing = false;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#kept = new KeptMessages(options.max);
  }

  /** Items so far, those of earlier attempts included where they count. Known once something is written. */
  get count(): number {
    return this.#next + this.#waiting.length;
  }

  /** @param settle called when it is stored, or with the reason why it is not */
  add(text: string, settle?: Item['settle']): void {
    const item = { text, bytes: Buffer.byteLength(text), settle };
    const { isLatest, overflow, run } = this.#options;
    if (this.#isStopped) {
      settle?.(lost(run.record.id));
      return;
    }
    if (isLatest) this.#drop(this.#waiting.length);
    if (this.#waitingBytes + item.bytes > MAX_WAITING_BYTES && overflow === 'refuse') {
      settle?.(tooMany(run.record.id));
      return;
    }
    this.#waiting.push(item);
    this.#waitingBytes += item.bytes;
    while (this.#waitingBytes > MAX_WAITING_BYTES) this.#drop(1);
    this.#running ??= this.#run();
  }

  /** Writes what waits, and waits for it for at most `withinMs`. */
  async flush(withinMs: number): Promise<void> {
    if (!this.#running) return;
    this.#isHurried = true;
    this.#hurry();
    await atMost(withinMs, this.#running);
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#isStopped = true;
    this.#isHurried = true;
    this.#hurry();
    const error = lost(this.#options.run.record.id);
    for (const { settle } of this.#waiting.splice(0)) settle?.(error);
    this.#waitingBytes = 0;
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#pace();
      const batch = this.#take();
      if (batch.length === 0) continue;
      this.#writtenAtMs = performance.now();
      try {
        await this.#write(batch);
        for (const { settle } of batch) settle?.();
      } catch (error) {
        this.#onFailure(error, batch);
      }
    }
    this.#running = undefined;
  }

  async #pace(): Promise<void> {
    const waitMs = this.#writtenAtMs + this.#options.everyMs - performance.now();
    if (this.#isHurried || waitMs <= 0) {
      await new Promise(setImmediate);
      return;
    }
    const pause = wakeable(waitMs);
    this.#hurry = pause.wake;
    await pause.over;
    this.#hurry = () => {};
  }

  #take(): Item[] {
    let bytes = 0;
    let count = 0;
    for (const item of this.#waiting) {
      if (count > 0 && (bytes + item.bytes > MAX_MESSAGE_BYTES || count >= MAX_MESSAGE_ITEMS)) break;
      bytes += item.bytes;
      count++;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  /** Drops the oldest items that wait. Their numbers stay theirs, so that readers see the gap. */
  #drop(count: number): void {
    for (const { bytes } of this.#waiting.splice(0, count)) {
      this.#waitingBytes -= bytes;
      this.#next++;
    }
  }

  async #write(batch: readonly Item[]): Promise<void> {
    const { kind, run, store } = this.#options;
    const bytes = batch.reduce((sum, item) => sum + item.bytes, 0);
    for (let tries = 1; ; tries++) {
      this.#lastSeq ??= await this.#read();
      const first = this.#next;
      const kept = this.#kept.with({ items: batch.length, bytes });
      try {
        const seq = await store.append(kind, run.record.id, this.#encode(batch, first, kept), this.#lastSeq);
        this.#lastSeq = seq;
        this.#next = first + batch.length;
        this.#trim(this.#kept.add(seq, { items: batch.length, bytes }));
        return;
      } catch (error) {
        this.#lastSeq = undefined;
        if (!(error instanceof ConflictError) || tries >= MAX_TRIES) throw error;
      }
    }
  }

  /** Begins behind what is there. @throws ConflictError when that is of a later owner of the job */
  async #read(): Promise<number> {
    const { kind, run, store, isOfAttempt } = this.#options;
    const { id, createdAt, attempt, redrives = 0 } = run.record;
    const last = await store.last(kind, id);
    const message = last && decodeActivity(last.data, store.sealer);
    const before = message?.of === createdAt ? message : undefined;
    if (before && before.fence > run.fence) {
      this.stop();
      throw lost(id);
    }
    const isSameAttempt = before?.attempt === attempt && before.redrives === redrives;
    const end = before && (isSameAttempt || !isOfAttempt) ? before.first + before.items.length : 0;
    // What was dropped before anything was written counts as well.
    this.#next = this.#isRead ? Math.max(this.#next, end) : this.#next + end;
    this.#isRead = true;
    if (!last) return 0;
    this.#kept.found(last.seq, before?.kept);
    // Of an earlier job that had the id nothing is to be seen.
    if (!before) this.#trim(last.seq);
    return last.seq;
  }

  #encode(batch: readonly Item[], first: number, kept: Kept): string {
    const { run, now, store } = this.#options;
    const { createdAt, attempt, redrives = 0 } = run.record;
    const message: Omit<ActivityMessage, 'items'> = {
      v: 1,
      of: createdAt,
      redrives,
      attempt,
      fence: run.fence,
      first,
      at: Math.round(now()),
      kept,
    };
    const items = sealItems(`[${batch.map(({ text }) => text).join(',')}]`, store.sealer);
    return `${JSON.stringify(message).slice(0, -1)},"items":${items}}`;
  }

  #trim(upTo: number | undefined): void {
    if (upTo === undefined) return;
    const { kind, run, store } = this.#options;
    store.trim(kind, run.record.id, upTo).catch((err) => {
      run.logger.warn({ err, kind }, 'cannot remove the oldest reports of the job');
    });
  }

  #onFailure(error: unknown, batch: readonly Item[]): void {
    this.#next += batch.length;
    for (const { settle } of batch) settle?.(error);
    // Who lost the job has said so already.
    if (this.#isStopped || this.#isFailing) return;
    this.#isFailing = true;
    const { kind, run } = this.#options;
    run.logger.warn({ err: error, kind, items: batch.length }, 'reports of the job could not be stored');
  }
}

function lost(id: string): ConflictError {
  return new ConflictError(`the attempt of job ${id} has ended, or another worker has the job`);
}

function tooMany(id: string): BrokerError {
  const why = `more than ${MAX_WAITING_BYTES} bytes of job ${id} wait to be stored; await each emit before the next`;
  return new BrokerError('JETFLEET_BACKPRESSURE', why, { retryable: true });
}

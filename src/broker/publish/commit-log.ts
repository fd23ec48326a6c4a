import type { NatsConnection } from '@nats-io/transport-node';
import { defined } from '../../jobs/defined.js';
import type { LinedMessage } from '../connection/client-internals.js';
import { closedConnection } from '../connection/guarded.js';
import type { ReplyInbox } from '../connection/reply-inbox.js';
import type { StreamMaker } from '../topology/missing-streams.js';
import { appendTogether } from './atomic-writes.js';
import { type Bulk, type BulkException, WaitingBulk } from './bulk.js';
import {
  type Append,
  type Appended,
  COMMIT_DEFAULTS,
  type CommitLogOptions,
  type ReadLast,
  type ServerSync,
  type Settle,
} from './commit-options.js';
import { messageOf, nextBatch, type PendingWrite, PendingWrites } from './pending-writes.js';
import type { UnansweredWrites } from './unanswered-writes.js';
import { conflict, givenUp, noStream, refused } from './write-errors.js';
import { type Answer, WriteSender } from './write-sender.js';

/** What any server takes, unless it is set to less. */
const ALWAYS_TAKEN = 1_000;
/** For a server that is busy, has no leader, or whose replicas have yet to agree. */
const PAUSE_MS = 100;
/** Single writes that may be under way at once; so many and more at a time are quicker in a batch. */
const MAX_SINGLES = 512;

/**
 * Group commit into one stream: what waits together goes as one atomic batch, few go as plain publishes, and to a server that
 * flushes periodically hundreds do. While sends wait for their answer, further writes gather (decision 3).
 *
 * Each caller gets its own answer: a rejected batch is sent again in halves. What gets no answer is sent again until it has
 * one, for at most `giveUpMs` from its append on.
 */
export class CommitLog {
  readonly unanswered: UnansweredWrites;
  readonly #connection: NatsConnection;
  readonly #readLast: ReadLast;
  readonly #streams: StreamMaker;
  readonly #limits: Required<CommitLogOptions> & { sync?: ServerSync };
  readonly #pending: PendingWrites;
  readonly #sender: WriteSender;
  /** A batch of one would be refused without a reason of its own. */
  readonly #batchFrom: number;
  /** Most messages in a batch: what the server has refused is not tried again. */
  #largest: number;
  /** What was handed in since the last turn of the event loop. */
  #gathered: PendingWrite[] = [];
  #queue: PendingWrite[] = [];
  /** What goes in batches of its own. */
  #bulks: WaitingBulk[] = [];
  #isTurnAwaited = false;
  /** Groups that are sent again as soon as there is room. */
  #again: PendingWrite[][] = [];
  /** Batches and groups without an answer, and single writes of a server that flushes periodically. */
  #inFlight = 0;
  #singles = 0;
  #isEnded = false;

  constructor(
    connection: NatsConnection,
    inbox: ReplyInbox,
    readLast: ReadLast,
    options: CommitLogOptions & { sync?: ServerSync },
    streams: StreamMaker,
    unanswered: UnansweredWrites,
  ) {
    this.#connection = connection;
    this.unanswered = unanswered;
    this.#readLast = readLast;
    this.#streams = streams;
    this.#limits = { ...COMMIT_DEFAULTS, ...defined(options) };
    this.#largest = this.#limits.maxBatch;
    this.#batchFrom = Math.max(2, this.#limits.batchFrom);
    const maxPayload = () => connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    this.#pending = new PendingWrites(this.#limits, maxPayload);
    this.#sender = new WriteSender(connection, inbox, unanswered, this.#limits.confirmTimeoutMs);
  }

  /**
   * Resolves once the message is durable.
   * @throws ConflictError when the expectation does not hold
   * @throws BrokerError `JETFLEET_BACKPRESSURE`, `JETFLEET_NO_STREAM`, `JETFLEET_PUBLISH_REFUSED`,
   *   `JETFLEET_MESSAGE_TOO_LARGE`, `JETFLEET_PUBLISH_TIMEOUT`
   * @throws ValidationError `JETFLEET_HEADER_INVALID` for headers that cannot be sent
   * @throws JetfleetError `JETFLEET_CLOSED`
   */
  append(append: Append): Promise<Appended> {
    return new Promise((resolve, reject) => {
      this.#accept(append, (outcome) => (outcome instanceof Error ? reject(outcome) : resolve(outcome)));
    });
  }

  /**
   * Many writes, each as `append` makes it. A promise for each would cost more than anything else.
   * @returns those that were not just stored, with what `append` resolves to or rejects with, once all have their answer
   */
  appendBulk(bulk: Bulk): Promise<BulkException[]> {
    if (bulk.size === 0) return Promise.resolve([]);
    return new Promise((resolve) => {
      const waiting = new WaitingBulk(bulk, performance.now() + this.#limits.giveUpMs, resolve);
      const isFew = bulk.size < this.#batchFrom || this.#mayGoSingly(bulk.size);
      if (!isFew && this.#pending.addBulk(waiting)) {
        this.#bulks.push(waiting);
        this.#flushSoon();
      } else this.#acceptEach(waiting);
    });
  }

  /** Writes that are stored together or not at all, whatever their number; see `appendTogether`. @returns their sequences */
  async appendTogether(appends: readonly Append[]): Promise<number[]> {
    await this.#streams.ready();
    const [pending, sender, streams] = [this.#pending, this.#sender, this.#streams] as const;
    const { unanswered } = this;
    const { confirmTimeoutMs } = this.#limits;
    const reasonToEnd = (write: PendingWrite) => this.#reasonToEnd(write);
    return appendTogether({ pending, sender, streams, unanswered, confirmTimeoutMs, reasonToEnd }, appends);
  }

  /** Refuses new writes, and waits until each of the others has its answer, or for `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    this.#pending.close();
    await this.#pending.idle(limitMs);
  }

  /** Refuses new writes, and those that were not sent; others still get their answer while the connection lives. */
  close(): void {
    this.#pending.close();
    this.#isEnded = true;
    const bulk = this.#bulks.flatMap((each) => this.#pending.writesOf(each.take()));
    const unsent = [...this.#gathered, ...this.#queue, ...bulk];
    [this.#gathered, this.#queue, this.#bulks] = [[], [], []];
    for (const write of unsent) this.#pending.end(write, closedConnection(write.maybeStored));
    this.#flush();
  }

  #accept(append: Append, settle: Settle): void {
    const write = this.#pending.add(append, settle);
    if (!write) return;
    this.#gathered.push(write);
    this.#flushSoon();
  }

  #acceptEach(waiting: WaitingBulk): void {
    for (let index = 0; index < waiting.bulk.size; index++) {
      const { subject, data, lines } = waiting.bulk.messageAt(index);
      this.#accept({ subject, data, headers: lines }, (outcome) => waiting.settle(index, outcome));
    }
  }

  /** One turn of the event loop lets the writes of everything that just arrived gather. */
  #flushSoon(): void {
    if (this.#isTurnAwaited) return;
    this.#isTurnAwaited = true;
    setImmediate(() => this.#onTurnEnd());
  }

  #onTurnEnd(): void {
    const ready = this.#streams.ready();
    if (ready) {
      void ready.then(() => this.#onTurnEnd());
      return;
    }
    this.#isTurnAwaited = false;
    const gathered = this.#gathered;
    this.#gathered = [];
    // None may overtake a write that waits for its batch.
    if (this.#queue.length > 0) this.#queue = [...this.#queue, ...gathered];
    else if (this.#mayGoSingly(gathered.length)) this.#sendSingly(gathered);
    else this.#queue = gathered;
    this.#flush();
  }

  /** Replicas have to agree on each write, which takes longer than a flush. */
  #mayGoSingly(count: number): boolean {
    const isCheap = this.#limits.sync === 'periodic' && this.#connection.info?.cluster === undefined;
    return isCheap && this.#singles + count < MAX_SINGLES;
  }

  #sendSingly(writes: readonly PendingWrite[]): void {
    this.#singles += writes.length;
    this.#sender.sendEach(writes, (write, answer) => {
      this.#singles--;
      this.#onAnswer(write, answer);
      this.#flush();
    });
  }

  /** A list that waits lets others go first: they would wait until all of it is stored. */
  #flush(): void {
    while (this.#isEnded || this.#inFlight < this.#limits.maxInFlight) {
      const again = this.#again.shift();
      if (again) this.#send(again.filter((write) => this.#mayGoAgain(write)));
      else if (this.#queue.length >= (this.#bulks.length > 0 ? 1 : this.#enough)) {
        const { batch, rest } = nextBatch(this.#queue, this.#largest, this.#limits.maxBatchBytes);
        this.#queue = rest;
        this.#send(batch);
      } else if (!this.#sendBulk(this.#bulks[0])) return;
    }
  }

  /** @returns whether there was one */
  #sendBulk(bulk: WaitingBulk | undefined): boolean {
    if (!bulk) return false;
    const part = bulk.take(this.#largest, this.#limits.maxBatchBytes);
    if (bulk.isTaken) this.#bulks.shift();
    const messageAt = (place: number) => bulk.bulk.messageAt(part.from + place);
    this.#sendBatch(part.to - part.from, messageAt, (answer) => {
      if (answer.kind === 'stored') this.#pending.storedAll(part);
      else this.#onBatchAnswer(this.#pending.writesOf(part), answer);
    });
    return true;
  }

  /**
   * From how many waiting writes on another batch goes. It costs the server the same whatever its size, so one beside
   * another goes only when it is worth it, and a third only when it is full.
   */
  get #enough(): number {
    if (this.#inFlight === 0) return 1;
    return this.#inFlight === 1 ? this.#limits.gather : this.#largest;
  }

  /** Many as one batch, few one by one, which count as one send until all are answered. */
  #send(writes: readonly PendingWrite[]): void {
    if (writes.length === 0) return;
    if (writes.length >= this.#batchFrom) {
      const messageAt = (index: number) => messageOf(writes[index] as PendingWrite);
      this.#sendBatch(writes.length, messageAt, (answer) => this.#onBatchAnswer(writes, answer));
      return;
    }
    let left = writes.length;
    this.#inFlight++;
    this.#sender.sendEach(writes, (write, answer) => {
      if (--left === 0) this.#inFlight--;
      this.#onAnswer(write, answer);
      this.#flush();
    });
  }

  #sendBatch(
    size: number,
    messageAt: (index: number) => LinedMessage,
    onAnswer: (answer: Answer) => void,
  ): void {
    this.#inFlight++;
    this.#sender.sendBatch(size, messageAt, (answer) => {
      this.#inFlight--;
      onAnswer(answer);
      this.#flush();
    });
  }

  #onBatchAnswer(batch: readonly PendingWrite[], answer: Answer): void {
    if (answer.kind === 'stored') {
      const before = answer.seq - batch.length;
      for (const [index, write] of batch.entries())
        this.#pending.end(write, { seq: before + index + 1, duplicate: false });
    } else if (answer.kind === 'silent') this.#onSilence(batch);
    else if (answer.kind === 'nobody') void this.#onNobody(batch);
    // Each gets an answer of its own: the user may lack the right to some of the subjects alone.
    else if (answer.kind === 'denied') this.#sendAgain(batch, this.#batchFrom - 1);
    else if (answer.kind === 'busy') this.#sendLater(batch);
    else if (answer.kind === 'too many' && batch.length > ALWAYS_TAKEN) {
      this.#largest = ALWAYS_TAKEN;
      this.#sendAgain(batch, ALWAYS_TAKEN);
    }
    // One message spoils its batch. Halving it finds the one.
    else this.#sendAgain(batch, Math.ceil(batch.length / 2));
  }

  #onAnswer(write: PendingWrite, answer: Answer): void {
    if (answer.kind === 'stored') this.#pending.end(write, answer);
    else if (answer.kind === 'silent') this.#onSilence([write]);
    else if (answer.kind === 'denied') this.#pending.end(write, answer.error);
    else if (answer.kind === 'nobody') void this.#onNobody([write]);
    else if (answer.kind === 'busy') this.#sendLater([write]);
    else if (answer.kind === 'in process') {
      write.maybeStored = true;
      this.#sendLater([write]);
    } else if (answer.kind === 'conflict') void this.#onConflict(write, answer.description);
    else this.#pending.end(write, refused(write.append, answer));
  }

  /** The stream was deleted, or another one has its place, or its replicas elect a leader. */
  async #onNobody(writes: readonly PendingWrite[]): Promise<void> {
    const state = await this.#streams.make();
    const left = writes.filter((write) => {
      const reason = this.#streams.reasonToGiveUp(() => noStream(write.append), state, write.nobody);
      write.nobody = state;
      if (reason) this.#pending.end(write, reason);
      return !reason;
    });
    this.#sendLater(left);
  }

  /** They may be stored or not. De-duplication and the expectation make sending them again safe, but in no batch: it would be refused whole. */
  #onSilence(writes: readonly PendingWrite[]): void {
    for (const write of writes) write.maybeStored = true;
    this.#sendAgain(writes, this.#batchFrom - 1);
  }

  /**
   * After a lost answer, a conflict may be with ourselves: then the last message holds our own bytes. While the last message
   * is still the expected one, our own write is on its way through the replicas, or another one is.
   */
  async #onConflict(write: PendingWrite, description: string): Promise<void> {
    const { data, expect } = write.append;
    if (!write.maybeStored || !expect) return this.#pending.end(write, conflict(write.append, description));
    // Whose write it is stays unknown while the last message cannot be read.
    const last = await this.#readLast(expect.filter).catch(() => undefined);
    if (!last || last.seq <= expect.lastSeq) return this.#sendLater([write]);
    const isOwn = Buffer.compare(last.data, Buffer.from(data)) === 0;
    this.#pending.end(
      write,
      isOwn ? { seq: last.seq, duplicate: true } : conflict(write.append, description),
    );
  }

  /** Has writes sent again, in groups of `size`, as soon as there is room. */
  #sendAgain(writes: readonly PendingWrite[], size: number): void {
    for (let start = 0; start < writes.length; start += size)
      this.#again.push(writes.slice(start, start + size));
  }

  /** Has writes sent again as they are, after a pause. */
  #sendLater(writes: readonly PendingWrite[]): void {
    setTimeout(() => {
      this.#sendAgain(writes, writes.length);
      this.#flush();
    }, PAUSE_MS);
  }

  /** Whether a write may be sent once more; it fails otherwise. */
  #mayGoAgain(write: PendingWrite): boolean {
    const error = this.#reasonToEnd(write);
    if (error) this.#pending.end(write, error);
    return !error;
  }

  #reasonToEnd(write: PendingWrite): Error | undefined {
    if (this.#isEnded || this.#connection.isClosed()) return closedConnection(write.maybeStored);
    const tooLarge = this.#pending.tooLarge(write);
    if (tooLarge || performance.now() < write.deadlineMs) return tooLarge;
    return givenUp(write, this.#limits.giveUpMs, this.unanswered.reason);
  }
}

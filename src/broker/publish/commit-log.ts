import type { NatsConnection } from '@nats-io/transport-node';
import { defined } from '../../jobs/defined.js';
import type { ReplyInbox } from '../connection/reply-inbox.js';
import { noLeader } from '../topology/manager.js';
import { NO_STREAMS_MADE, type StreamMaker } from '../topology/missing-streams.js';
import {
  type Append,
  type Appended,
  COMMIT_DEFAULTS,
  type CommitLogOptions,
  type ServerSync,
} from './commit-options.js';
import { type PendingWrite, PendingWrites, type Settle } from './pending-writes.js';
import { UnansweredWrites } from './unanswered-writes.js';
import { closedError, conflict, noStream, overloaded, refused, unconfirmed } from './write-errors.js';
import { type Answer, WriteSender } from './write-sender.js';

/** The last message on a filter: after a lost answer it shows whether a write is stored. */
export type ReadLast = (filter: string) => Promise<{ seq: number; data: Uint8Array } | undefined>;

/** Wrong last sequence, in its two forms (the second while another write on the subject is in flight on R3). */
const CONFLICT_CODES = new Set([10071, 10164]);
/** A message of this id is on its way through the replicas: this one, sent before, and not yet stored. */
const ID_IN_PROCESS = 10158;
/** A batch has more messages than the server takes. */
const BATCH_TOO_LARGE = 10199;
/** What any server takes, unless it is set to less. */
const ALWAYS_TAKEN = 1_000;
/** The server has no room at the moment: for requests, for batches at once, and for anything. */
const LOAD_CODES = new Set([10167, 10210, 10008]);
/** For a server that is busy, has no leader, or whose replicas have yet to agree. */
const PAUSE_MS = 100;
/** Single writes that may be under way at once; so many and more at a time are quicker in a batch. */
const MAX_SINGLES = 512;

/**
 * Group commit into one stream. Writes that wait together go as one atomic batch, which the server flushes to disk
 * once; few go as plain publishes, since a batch costs the server as much as dozens of them. While `maxInFlight` sends
 * wait for their answer, further writes gather, so the batch grows with the load. To a server that flushes periodically,
 * hundreds of single writes go at once, and only what comes on top goes in batches. Source: decision 3.
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
  /** Most messages in a batch: what the server has refused is not tried again. */
  #largest: number;
  /** What was handed in since the last turn of the event loop. */
  #gathered: PendingWrite[] = [];
  /** What waits for its batch. */
  #queue: PendingWrite[] = [];
  /** Groups that are sent again as soon as there is room. */
  #again: PendingWrite[][] = [];
  /** Batches and groups without an answer, and single writes of a server that flushes periodically. */
  #inFlight = 0;
  #singles = 0;
  /** Nothing is sent any more. */
  #isEnded = false;

  constructor(
    connection: NatsConnection,
    inbox: ReplyInbox,
    readLast: ReadLast,
    options: CommitLogOptions & { sync?: ServerSync } = {},
    streams: StreamMaker = NO_STREAMS_MADE,
    unanswered = new UnansweredWrites(),
  ) {
    this.#connection = connection;
    this.unanswered = unanswered;
    this.#readLast = readLast;
    this.#streams = streams;
    this.#limits = { ...COMMIT_DEFAULTS, ...defined(options) };
    this.#largest = this.#limits.maxBatch;
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
      this.#accept(append, 0, (_, outcome) => {
        if (outcome instanceof Error) reject(outcome);
        else resolve(outcome);
      });
    });
  }

  /**
   * Many writes, each as `append` makes it. A promise for each would cost more than anything else.
   * @returns what `append` resolves to or rejects with, for each in its order, once all have their answer
   */
  appendEach(appends: readonly Append[]): Promise<(Appended | Error)[]> {
    const outcomes: (Appended | Error)[] = new Array(appends.length);
    if (appends.length === 0) return Promise.resolve(outcomes);
    return new Promise((resolve) => {
      let left = appends.length;
      const settle: Settle = (index, outcome) => {
        outcomes[index] = outcome;
        if (--left === 0) resolve(outcomes);
      };
      for (const [index, append] of appends.entries()) this.#accept(append, index, settle);
    });
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
    const unsent = [...this.#gathered, ...this.#queue];
    this.#gathered = [];
    this.#queue = [];
    for (const write of unsent) this.#pending.fail(write, closedError(write.maybeStored));
    this.#flush();
  }

  #accept(append: Append, index: number, settle: Settle): void {
    const write = this.#pending.add(append, index, settle);
    if (!write) return;
    this.#gathered.push(write);
    // One turn of the event loop lets the writes of everything that just arrived gather.
    if (this.#gathered.length === 1) setImmediate(() => this.#onTurnEnd());
  }

  #onTurnEnd(): void {
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
      void this.#onAnswer(write, answer);
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#isEnded || this.#inFlight < this.#limits.maxInFlight) {
      const again = this.#again.shift();
      if (again) this.#send(again.filter((write) => this.#mayGoAgain(write)));
      else if (this.#queue.length >= this.#enough) this.#send(this.#take());
      else return;
    }
  }

  /**
   * From how many waiting writes on another batch goes. It costs the server the same whatever its size, so one beside
   * another goes only when it is worth it, and a third only when it is full.
   */
  get #enough(): number {
    if (this.#inFlight === 0) return 1;
    return this.#inFlight === 1 ? this.#limits.gather : this.#largest;
  }

  /** The next writes that may share a batch: never two expectations about the same job. */
  #take(): PendingWrite[] {
    const { maxBatchBytes } = this.#limits;
    const taken: PendingWrite[] = [];
    const left: PendingWrite[] = [];
    const filters = new Set<string>();
    let bytes = 0;
    let index = 0;
    for (; index < this.#queue.length && bytes < maxBatchBytes && taken.length < this.#largest; index++) {
      const write = this.#queue[index] as PendingWrite;
      const filter = write.append.expect?.filter;
      if (filter !== undefined && filters.has(filter)) {
        left.push(write);
        continue;
      }
      if (filter !== undefined) filters.add(filter);
      bytes += write.bytes;
      taken.push(write);
    }
    this.#queue = left.length === 0 ? this.#queue.slice(index) : [...left, ...this.#queue.slice(index)];
    return taken;
  }

  /** Many as one batch, few one by one, which count as one send until all are answered. */
  #send(writes: readonly PendingWrite[]): void {
    if (writes.length === 0) return;
    this.#inFlight++;
    if (writes.length >= this.#limits.batchFrom) {
      this.#sender.sendBatch(writes, (answer) => {
        this.#inFlight--;
        this.#onBatchAnswer(writes, answer);
        this.#flush();
      });
      return;
    }
    let left = writes.length;
    this.#sender.sendEach(writes, (write, answer) => {
      if (--left === 0) this.#inFlight--;
      void this.#onAnswer(write, answer);
      this.#flush();
    });
  }

  #onBatchAnswer(batch: readonly PendingWrite[], answer: Answer): void {
    const refusal = answer.kind === 'refused' ? answer.errCode : 0;
    if (answer.kind === 'stored') {
      const before = answer.seq - batch.length;
      for (const [index, write] of batch.entries())
        this.#pending.succeed(write, { seq: before + index + 1, duplicate: false });
    } else if (answer.kind === 'silent') this.#onSilence(batch);
    else if (answer.kind === 'nobody') void this.#onNobody(batch);
    // Each gets an answer of its own: the user may lack the right to some of the subjects alone.
    else if (answer.kind === 'denied') this.#sendAgain(batch, this.#few);
    else if (LOAD_CODES.has(refusal)) this.#sendLater(batch);
    else if (refusal === BATCH_TOO_LARGE && batch.length > ALWAYS_TAKEN) {
      this.#largest = ALWAYS_TAKEN;
      this.#sendAgain(batch, ALWAYS_TAKEN);
    }
    // One message spoils its batch. Halving it finds the one.
    else this.#sendAgain(batch, Math.ceil(batch.length / 2));
  }

  async #onAnswer(write: PendingWrite, answer: Answer): Promise<void> {
    const { append } = write;
    if (answer.kind === 'stored') return this.#pending.succeed(write, answer);
    if (answer.kind === 'silent') return this.#onSilence([write]);
    if (answer.kind === 'denied') return this.#pending.fail(write, answer.error);
    if (answer.kind === 'nobody') return this.#onNobody([write]);
    const { errCode, description } = answer;
    if (LOAD_CODES.has(errCode)) return this.#sendLater([write]);
    if (errCode === ID_IN_PROCESS) {
      write.maybeStored = true;
      return this.#sendLater([write]);
    }
    if (!CONFLICT_CODES.has(errCode)) return this.#pending.fail(write, refused(append, answer));
    const conflicted = conflict(append, description);
    if (!write.maybeStored || !append.expect) return this.#pending.fail(write, conflicted);
    return this.#onRepeatedConflict(write, append.expect, conflicted);
  }

  /** The stream was deleted, or another one has its place, or its replicas elect a leader. */
  async #onNobody(writes: readonly PendingWrite[]): Promise<void> {
    const state = await this.#streams.make();
    const left = writes.filter((write) => {
      const reason = this.#streams.reasonToGiveUp(noStream(write.append), state, write.nobody);
      write.nobody = state;
      if (reason) this.#pending.fail(write, reason);
      return !reason;
    });
    this.#sendLater(left);
  }

  /**
   * The messages may be stored or not. De-duplication and the expectation make sending them again safe, but in no batch,
   * which the server refuses as a whole.
   */
  #onSilence(writes: readonly PendingWrite[]): void {
    for (const write of writes) write.maybeStored = true;
    this.#sendAgain(writes, this.#few);
  }

  /**
   * After a lost answer, a conflict may be with ourselves: then the last message holds our own bytes. While the last message
   * is still the expected one, our own write is on its way through the replicas, or another one is.
   */
  async #onRepeatedConflict(
    write: PendingWrite,
    { filter, lastSeq }: NonNullable<Append['expect']>,
    conflicted: Error,
  ): Promise<void> {
    let last: Awaited<ReturnType<ReadLast>>;
    try {
      last = await this.#readLast(filter);
    } catch {
      // Whose write it is stays unknown while the last message cannot be read.
      return this.#sendLater([write]);
    }
    if (!last || last.seq <= lastSeq) return this.#sendLater([write]);
    const isOwn = Buffer.compare(last.data, Buffer.from(write.append.data)) === 0;
    if (isOwn) this.#pending.succeed(write, { seq: last.seq, duplicate: true });
    else this.#pending.fail(write, conflicted);
  }

  /** Most writes that go one by one beside each other. */
  get #few(): number {
    return Math.max(1, this.#limits.batchFrom - 1);
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
    const isOver = this.#isEnded || this.#connection.isClosed();
    const error = isOver
      ? closedError(write.maybeStored)
      : (this.#pending.tooLarge(write) ?? this.#late(write));
    if (error) this.#pending.fail(write, error);
    return !error;
  }

  #late({ append, deadlineMs, maybeStored, nobody }: PendingWrite): Error | undefined {
    const { giveUpMs } = this.#limits;
    if (performance.now() < deadlineMs) return undefined;
    if (maybeStored) return unconfirmed(append, giveUpMs, this.unanswered.reason);
    return nobody
      ? noLeader(`${append.subject} was not stored within ${giveUpMs} ms`)
      : overloaded(append, giveUpMs);
  }
}

import type { NatsConnection } from '@nats-io/transport-node';
import { ulid } from 'ulid';
import { defined } from '../../jobs/defined.js';
import { BrokerError } from '../../jobs/errors.js';
import { atMost } from '../bounded.js';
import { bytesOf, type OutgoingMessage } from '../connection/client-internals.js';
import { send } from '../connection/guarded.js';
import type { Reply, ReplyInbox } from '../connection/reply-inbox.js';
import { noLeader } from '../topology/manager.js';
import { NO_STREAMS_MADE, type StreamMaker, type StreamState } from '../topology/missing-streams.js';
import type { Append, Appended, CommitLogOptions } from './commit-options.js';
import { headerLines } from './commit-options.js';
import { type Answer, readAnswer } from './publish-answer.js';
import { MAX_SINGLES, PROBE_SIZE, SingleWriteGauge } from './single-write-gauge.js';
import { UnansweredWrites } from './unanswered-writes.js';
import {
  closedError,
  conflict,
  noStream,
  overloaded,
  overPayload,
  refused,
  unconfirmed,
  unsendable,
} from './write-errors.js';

export { type Append, type Appended, type CommitLogOptions, checkCommitOptions } from './commit-options.js';

interface Waiting {
  append: Append;
  /** Its header lines. */
  lines: string;
  bytes: number;
  settle: Settle;
  /** Of this write among those that were handed in together. */
  index: number;
  enqueuedAt: number;
  /** Sent before without an answer: it may be stored already. */
  maybeStored: boolean;
  /** Nobody took it the last time that it was sent. */
  nobody?: StreamState;
}

/** Tells the caller what became of one of its writes. */
type Settle = (index: number, outcome: Appended | Error) => void;

/** The last message on a filter, to tell after a lost answer whether it is ours. */
export type ReadLast = (filter: string) => Promise<{ seq: number; data: Uint8Array } | undefined>;

/** Wrong last sequence, in its two forms (the second while another write on the subject is in flight on R3). */
const CONFLICT_CODES = new Set([10071, 10164]);
/** A message of this id is on its way through the replicas: this one, sent before, and not yet stored. */
const ID_IN_PROCESS = 10158;
const IN_PROCESS_PAUSE_MS = 100;
/** A batch has more messages than the server takes. */
const BATCH_TOO_LARGE = 10199;
/** What any server takes, unless it is set to less. */
const ALWAYS_TAKEN = 1_000;
/** The server has no room at the moment: for requests, for batches at once, and for anything. */
const LOAD_CODES = new Set([10167, 10210, 10008]);
const LOAD_PAUSE_MS = 100;
/** Bytes of headers that any message of Jetfleet stays below. */
const HEADER_ROOM = 8 * 1024;

/**
 * Group commit into one stream. Writes that wait together go as one atomic batch, which the server flushes to disk
 * once; few go as plain publishes, since a batch costs the server as much as dozens of them. While `maxInFlight` sends
 * wait for their answer, further writes gather, so the batch grows with the load. Each caller gets its own answer: a
 * rejected batch is sent again one by one. To a server that takes single writes quickly, hundreds of them go at once,
 * and only what comes on top goes in batches.
 *
 * The batch headers are set by hand: the client's own batch drops expectations of every message but the first.
 * Source: nats-server ADR-50, and the measurements in docs/decisions.
 */
export class CommitLog {
  readonly unanswered: UnansweredWrites;
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #readLast: ReadLast;
  readonly #streams: StreamMaker;
  readonly #limits: Required<CommitLogOptions>;
  readonly #singles: SingleWriteGauge;
  readonly #id = ulid();
  #batches = 0;
  /** Most messages in a batch: what the server has refused is not tried again. */
  #largest: number;
  /** What goes one by one at the end of this turn, and what goes in batches. */
  #alone: Waiting[] = [];
  #queue: Waiting[] = [];
  /** Batches and writes that go out again as soon as there is room: they were refused, or not answered. */
  #again: Waiting[][] = [];
  /** Whatever has no answer yet: queued, sent, or to be sent again. */
  #open = 0;
  #openBytes = 0;
  #onIdle: (() => void) | undefined;
  #inFlight = 0;
  #flushing = false;
  /** New writes are refused. */
  #closed = false;
  /** Nothing is sent any more. */
  #ended = false;

  constructor(
    connection: NatsConnection,
    inbox: ReplyInbox,
    readLast: ReadLast,
    options: CommitLogOptions = {},
    streams: StreamMaker = NO_STREAMS_MADE,
    unanswered = new UnansweredWrites(),
  ) {
    this.#connection = connection;
    this.unanswered = unanswered;
    this.#inbox = inbox;
    this.#readLast = readLast;
    this.#streams = streams;
    this.#limits = {
      batchFrom: 16,
      maxBatch: 5_000,
      maxBatchBytes: 4 * 1024 * 1024,
      maxInFlight: 4,
      gather: 128,
      cheapSingleMs: 0.1,
      maxWaiting: 20_000,
      maxWaitingBytes: 64 * 1024 * 1024,
      confirmTimeoutMs: 2_000,
      giveUpMs: 30_000,
      ...defined(options),
    };
    this.#largest = this.#limits.maxBatch;
    this.#singles = new SingleWriteGauge(this.#limits.cheapSingleMs);
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

  #accept(append: Append, index: number, settle: Settle): void {
    const waiting = this.#waitingFor(append, index, settle);
    if (waiting instanceof Error) {
      settle(index, waiting);
      return;
    }
    this.#open++;
    this.#openBytes += waiting.bytes;
    this.#enqueue(waiting);
  }

  #waitingFor(append: Append, index: number, settle: Settle): Waiting | Error {
    if (this.#closed) return closedError();
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    const maxPayload = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const { maybeStored = false } = append;
    let lines: string;
    try {
      lines = linesOf(append);
    } catch (error) {
      return unsendable(append, (error as Error).message);
    }
    const bytes = bytesOf(append.data);
    if (bytes + HEADER_ROOM > maxPayload) return overPayload(append, maxPayload);
    if (this.#open >= maxWaiting || this.#openBytes + bytes > maxWaitingBytes) return this.#backpressure();
    return { append, lines, bytes, settle, index, enqueuedAt: performance.now(), maybeStored };
  }

  /** Refuses new writes, and waits until each of the others has its answer, or for `limitMs`. */
  async drain(limitMs: number): Promise<void> {
    this.#closed = true;
    if (this.#open === 0) return;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    await atMost(limitMs, idle);
  }

  /** Refuses new writes, and those that were not sent; others still get their answer while the connection lives. */
  close(): void {
    this.#closed = true;
    this.#ended = true;
    const queue = [...this.#alone, ...this.#queue, ...this.#again.flat()];
    this.#alone = [];
    this.#queue = [];
    this.#again = [];
    for (const waiting of queue) this.#fail(waiting, closedError(waiting.maybeStored));
  }

  #succeed(waiting: Waiting, appended: Appended): void {
    this.#answered(waiting);
    waiting.settle(waiting.index, appended);
  }

  #fail(waiting: Waiting, error: Error): void {
    this.#answered(waiting);
    waiting.settle(waiting.index, error);
  }

  #answered({ bytes }: Waiting): void {
    this.#openBytes -= bytes;
    if (--this.#open === 0) this.#onIdle?.();
  }

  #enqueue(waiting: Waiting): void {
    // In a row: none may overtake what waits for its batch.
    if (this.#queue.length === 0 && this.#singles.accepts(this.#alone.length)) this.#alone.push(waiting);
    else this.#queue.push(waiting);
    if (this.#flushing) return;
    this.#flushing = true;
    // One turn of the event loop lets the writes of everything that just arrived gather.
    setImmediate(() => {
      this.#flushing = false;
      this.#sendSingles();
      this.#flush();
    });
  }

  #sendSingles(): void {
    const alone = this.#alone;
    this.#alone = [];
    if (alone.length > 0 && alone.length + this.#queue.length >= MAX_SINGLES) {
      this.#queue = [...alone, ...this.#queue];
    } else if (alone.length > 0) this.#sendEach(alone, this.#singles.begin(alone.length));
    else if (this.#queue.length >= PROBE_SIZE && this.#singles.shouldProbe) {
      const probe = this.#queue.slice(0, PROBE_SIZE);
      this.#queue = this.#queue.slice(PROBE_SIZE);
      this.#sendEach(probe, this.#singles.beginProbe());
    }
  }

  /** One by one, beside each other. */
  #sendEach(writes: readonly Waiting[], onAnswered: () => void): void {
    const messages = writes.map((waiting) => {
      const { append, lines } = waiting;
      const onAnswer = (answer: Answer) => void this.#onAnswer(waiting, answer);
      return outgoingMessage(append, lines, this.#expectAnswer(append.subject, onAnswered, onAnswer));
    });
    this.#publish(messages);
  }

  #flush(): void {
    if (this.#singles.isProbing) return;
    while (this.#inFlight < this.#limits.maxInFlight) {
      const again = this.#again.shift();
      if (again) this.#sendParts(this.#inTime(again));
      else if (this.#queue.length >= this.#enough) this.#sendParts(this.#take());
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
  #take(): Waiting[] {
    const { maxBatchBytes } = this.#limits;
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const filters = new Set<string>();
    let bytes = 0;
    let index = 0;
    for (; index < this.#queue.length && bytes < maxBatchBytes && taken.length < this.#largest; index++) {
      const waiting = this.#queue[index] as Waiting;
      const filter = waiting.append.expect?.filter;
      if (filter !== undefined && filters.has(filter)) {
        left.push(waiting);
        continue;
      }
      if (filter !== undefined) filters.add(filter);
      bytes += waiting.bytes;
      taken.push(waiting);
    }
    this.#queue = left.length === 0 ? this.#queue.slice(index) : [...left, ...this.#queue.slice(index)];
    return taken;
  }

  /** Sends all of them as one atomic batch. */
  #sendBatch(batch: readonly Waiting[]): void {
    const isAmong = (subject: string) => batch.some(({ append }) => append.subject === subject);
    this.#inFlight++;
    const onAnswered = () => {
      this.#inFlight--;
    };
    const reply = this.#expectAnswer(isAmong, onAnswered, (answer) => this.#onBatchAnswer(batch, answer));
    const mark = `Nats-Batch-Id: ${this.#id}-${this.#batches++}\r\nNats-Batch-Sequence: `;
    const messages = batch.map(({ append, lines }, index) =>
      outgoingMessage(append, `${lines}${mark}${index + 1}\r\n`, undefined),
    );
    const last = messages.at(-1) as OutgoingMessage;
    last.reply = reply;
    last.lines += 'Nats-Batch-Commit: 1\r\n';
    this.#publish(messages);
  }

  #sendParts(batch: readonly Waiting[]): void {
    if (batch.length >= this.#limits.batchFrom) this.#sendBatch(batch);
    else if (batch.length > 0) this.#sendGroup(batch);
  }

  /** Few writes, which count as one send until all are answered. */
  #sendGroup(group: readonly Waiting[]): void {
    let left = group.length;
    this.#inFlight++;
    this.#sendEach(group, () => {
      if (--left === 0) this.#inFlight--;
    });
  }

  #onBatchAnswer(batch: readonly Waiting[], answer: Answer): void {
    if (answer.kind === 'stored') {
      const before = answer.seq - batch.length;
      for (const [index, waiting] of batch.entries())
        this.#succeed(waiting, { seq: before + index + 1, duplicate: false });
    } else if (answer.kind === 'silent') {
      this.#tryAgain(batch);
    } else if (answer.kind === 'nobody') {
      void this.#onNobody(batch);
    } else if (answer.kind === 'denied') {
      // Each gets an answer of its own: the user may lack the right to some of the subjects alone.
      this.#againInParts(batch, this.#few);
    } else if (answer.kind === 'refused' && LOAD_CODES.has(answer.errCode)) {
      this.#later([...batch]);
    } else if (
      answer.kind === 'refused' &&
      answer.errCode === BATCH_TOO_LARGE &&
      batch.length > ALWAYS_TAKEN
    ) {
      this.#largest = ALWAYS_TAKEN;
      this.#againInParts(batch, ALWAYS_TAKEN);
    } else {
      // One message spoils its batch. Halving it finds the one, and each caller gets its own answer.
      const half = Math.ceil(batch.length / 2);
      this.#again.push(batch.slice(0, half), batch.slice(half));
    }
  }

  /** The server has too much to do: the same goes again after a pause, and no sooner. */
  #later(batch: Waiting[]): void {
    setTimeout(() => {
      if (this.#ended) for (const waiting of batch) this.#fail(waiting, closedError(waiting.maybeStored));
      else this.#again.push(batch);
      this.#flush();
    }, LOAD_PAUSE_MS);
  }

  /** Those of the writes that may be sent once more; the others fail. */
  #inTime(batch: Waiting[]): Waiting[] {
    const { giveUpMs } = this.#limits;
    const end = performance.now() - giveUpMs;
    return batch.filter((waiting) => {
      if (waiting.enqueuedAt > end) return true;
      const { append } = waiting;
      if (waiting.maybeStored) this.#fail(waiting, unconfirmed(append, giveUpMs, this.unanswered.reason));
      else if (waiting.nobody)
        this.#fail(waiting, noLeader(`${append.subject} was not stored within ${giveUpMs} ms`));
      else this.#fail(waiting, overloaded(append, giveUpMs));
      return false;
    });
  }

  #expectAnswer(
    asked: string | ((subject: string) => boolean),
    onAnswered: () => void,
    onAnswer: (answer: Answer) => void,
  ): string {
    return this.#inbox.expect(this.#limits.confirmTimeoutMs, asked, (msg) => {
      onAnswered();
      onAnswer(this.#answerIn(msg));
      this.#flush();
    });
  }

  #answerIn(reply: Reply): Answer {
    const answer = readAnswer(reply);
    if (answer.kind === 'silent') this.unanswered.silent(this.#limits.confirmTimeoutMs);
    else this.unanswered.reset();
    return answer;
  }

  async #onAnswer(waiting: Waiting, answer: Answer): Promise<void> {
    const { append } = waiting;
    if (answer.kind === 'stored') return this.#succeed(waiting, answer);
    if (answer.kind === 'silent') return this.#tryAgain([waiting]);
    if (answer.kind === 'denied') return this.#fail(waiting, answer.error);
    if (answer.kind === 'refused' && answer.errCode === ID_IN_PROCESS) return this.#whenReplicated(waiting);
    if (answer.kind === 'refused' && LOAD_CODES.has(answer.errCode)) return this.#later([waiting]);
    if (answer.kind === 'refused' && CONFLICT_CODES.has(answer.errCode)) {
      const conflicted = conflict(append, answer.description);
      if (!waiting.maybeStored || !append.expect) return this.#fail(waiting, conflicted);
      return this.#onRepeatedConflict(waiting, append.expect, conflicted);
    }
    if (answer.kind === 'refused') return this.#fail(waiting, refused(append, answer));
    return this.#onNobody([waiting]);
  }

  /** The stream was deleted, or another one has its place, or its replicas elect a leader. */
  async #onNobody(batch: readonly Waiting[]): Promise<void> {
    const state = await this.#streams.make();
    const left = batch.filter((waiting) => {
      const missing = noStream(waiting.append);
      const why = this.#streams.explain(missing);
      const isElsewhere = why !== missing && waiting.nobody === 'there';
      waiting.nobody = state;
      if (state === 'missing' || isElsewhere) this.#fail(waiting, why);
      return state !== 'missing' && !isElsewhere;
    });
    if (left.length > 0) this.#later(left);
  }

  /**
   * No answer: the messages may be stored or not. De-duplication and the expectation make sending them again safe, but in no
   * batch, which the server refuses as a whole.
   */
  #tryAgain(writes: readonly Waiting[]): void {
    const maxPayload = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const left = writes.filter((waiting) => {
      waiting.maybeStored = true;
      // The server ends the connection for a message that is too large, and may have got a lower limit meanwhile.
      const isTooLarge = waiting.bytes + HEADER_ROOM > maxPayload;
      const isOver = this.#ended || this.#connection.isClosed();
      if (isTooLarge) this.#fail(waiting, overPayload(waiting.append, maxPayload));
      else if (isOver) this.#fail(waiting, closedError(true));
      return !isTooLarge && !isOver;
    });
    this.#againInParts(left, this.#few);
  }

  /** Most writes that go one by one beside each other. */
  get #few(): number {
    return Math.max(1, this.#limits.batchFrom - 1);
  }

  #againInParts(writes: readonly Waiting[], size: number): void {
    for (let start = 0; start < writes.length; start += size)
      this.#again.push(writes.slice(start, start + size));
  }

  /**
   * After a lost answer, a conflict may be with ourselves: then the last message holds our own bytes. While the last message
   * is still the expected one, our own write is on its way through the replicas, or another one is.
   */
  async #onRepeatedConflict(
    waiting: Waiting,
    { filter, lastSeq }: NonNullable<Append['expect']>,
    conflicted: Error,
  ): Promise<void> {
    let last: Awaited<ReturnType<ReadLast>>;
    try {
      last = await this.#readLast(filter);
    } catch {
      // Whose write it is stays unknown while the last message cannot be read.
      this.#tryAgain([waiting]);
      return this.#flush();
    }
    if (!last || last.seq <= lastSeq) return this.#whenReplicated(waiting);
    const isOwn = Buffer.compare(last.data, Buffer.from(waiting.append.data)) === 0;
    if (isOwn) this.#succeed(waiting, { seq: last.seq, duplicate: true });
    else this.#fail(waiting, conflicted);
  }

  /** Sends a write again once the replicas may have agreed on the copy that was sent before. */
  #whenReplicated(waiting: Waiting): void {
    setTimeout(() => {
      this.#tryAgain([waiting]);
      this.#flush();
    }, IN_PROCESS_PAUSE_MS);
  }

  #publish(messages: readonly OutgoingMessage[]): void {
    // From a closed connection no answer comes, and the sweep of the inbox tells the caller.
    send(this.#connection, messages);
  }

  #backpressure(): BrokerError {
    return new BrokerError(
      'JETFLEET_BACKPRESSURE',
      `${this.#open} writes (${this.#openBytes} bytes) wait for the broker already; await earlier calls before adding more`,
      { retryable: true },
    );
  }
}

function outgoingMessage(
  { subject, data }: Append,
  lines: string,
  reply: string | undefined,
): OutgoingMessage {
  return { subject, reply, lines, data };
}

function linesOf({ headers = [], expect }: Append): string {
  const lines = typeof headers === 'string' ? headers : headerLines(headers);
  if (!expect) return lines;
  const { filter, lastSeq } = expect;
  return `${lines}Nats-Expected-Last-Subject-Sequence: ${lastSeq}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${filter}\r\n`;
}

import type { NatsConnection } from '@nats-io/transport-node';
import { ulid } from 'ulid';
import { BrokerError } from '../jobs/errors.js';
import { checkInteger, checkNumber, MAX_TIMER_MS } from '../jobs/numbers.js';
import type { HeaderList } from '../wire/headers.js';
import { send } from './guarded.js';
import { headerLines } from './outgoing-headers.js';
import { bytesOf, type OutgoingMessage } from './publish-all.js';
import { type Answer, readAnswer } from './publish-answer.js';
import type { ReplyInbox } from './reply-inbox.js';
import { MAX_SINGLES, PROBE_SIZE, SingleWriteGauge } from './single-write-gauge.js';
import {
  closedError,
  conflict,
  noStream,
  overPayload,
  refused,
  unconfirmed,
  unsendable,
} from './write-errors.js';

/** One message to be stored. */
export interface Append {
  subject: string;
  /** Text is stored as UTF-8. */
  data: string | Uint8Array;
  headers?: HeaderList;
  /** Store it only while the last message on `filter` has the sequence `lastSeq`; 0 for none at all. */
  expect?: { filter: string; lastSeq: number };
  /** It was sent before, and may be stored already: a conflict may be with itself. */
  maybeStored?: boolean;
}

export interface Appended {
  /** Sequence in the stream. */
  seq: number;
  /** The stream held a message of the same `Nats-Msg-Id` already. */
  duplicate: boolean;
}

export interface CommitLogOptions {
  /** From how many waiting writes on they go as one batch; fewer go one by one. Defaults to 4. */
  batchFrom?: number;
  /** Most messages in a batch. Defaults to 1,000, the server's limit. */
  maxBatch?: number;
  /** Most bytes in a batch. Defaults to 4 MiB. */
  maxBatchBytes?: number;
  /** Batches and single writes that wait for their answer at once. Defaults to 4. */
  maxInFlight?: number;
  /**
   * While one answer is awaited, writes gather until they are so many, or the answer comes; while several are, until
   * they fill a batch. Defaults to 128.
   */
  gather?: number;
  /** Writes go one by one while the server takes each in less than this; 0 for never. Defaults to 0.1. */
  cheapSingleMs?: number;
  /** Writes that may wait; one more is refused. Defaults to 20,000. */
  maxWaiting?: number;
  /** Bytes that may wait; more are refused. Defaults to 64 MiB. */
  maxWaitingBytes?: number;
  /** How long the broker has to confirm a write before it is sent again. Defaults to 2,000. */
  confirmTimeoutMs?: number;
  /** When to give up on a write that nobody confirms. Defaults to 30,000. */
  giveUpMs?: number;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkCommitOptions({ cheapSingleMs, ...whole }: CommitLogOptions = {}): void {
  for (const [name, value] of Object.entries(whole)) checkInteger(`commit.${name}`, value, 1);
  checkInteger('commit.maxBatch', whole.maxBatch, 1, 1_000);
  checkNumber('commit.cheapSingleMs', cheapSingleMs, 0, MAX_TIMER_MS);
}

interface Waiting {
  /** What is left to be stored, one after the other. Only the first has an expectation. */
  group: readonly Append[];
  /** The header lines of each. */
  lines: readonly string[];
  bytes: number;
  resolve: (appended: Appended) => void;
  reject: (error: Error) => void;
  enqueuedAt: number;
  /** Sent before without an answer: it may be stored already. */
  maybeStored: boolean;
  /** Sent again after its stream was made. */
  streamMade?: boolean;
}

/** The last message on a filter, to tell after a lost answer whether it is ours. */
export type ReadLast = (filter: string) => Promise<{ seq: number; data: Uint8Array } | undefined>;

/** Wrong last sequence, in its two forms (the second while another write on the subject is in flight on R3). */
const CONFLICT_CODES = new Set([10071, 10164]);
/** A message of this id is on its way through the replicas: this one, sent before, and not yet stored. */
const ID_IN_PROCESS = 10158;
const IN_PROCESS_PAUSE_MS = 100;
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
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #readLast: ReadLast;
  readonly #makeStream: () => Promise<boolean>;
  readonly #limits: Required<CommitLogOptions>;
  readonly #singles: SingleWriteGauge;
  readonly #id = ulid();
  #batches = 0;
  /** What goes one by one at the end of this turn, and what goes in batches. */
  #alone: Waiting[] = [];
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #inFlight = 0;
  #flushing = false;
  #closed = false;

  constructor(
    connection: NatsConnection,
    inbox: ReplyInbox,
    readLast: ReadLast,
    options: CommitLogOptions = {},
    makeStream: () => Promise<boolean> = async () => false,
  ) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#readLast = readLast;
    this.#makeStream = makeStream;
    this.#limits = {
      batchFrom: 4,
      maxBatch: 1_000,
      maxBatchBytes: 4 * 1024 * 1024,
      maxInFlight: 4,
      gather: 128,
      cheapSingleMs: 0.1,
      maxWaiting: 20_000,
      maxWaitingBytes: 64 * 1024 * 1024,
      confirmTimeoutMs: 2_000,
      giveUpMs: 30_000,
      ...options,
    };
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
    return this.appendInOrder([append]);
  }

  /**
   * Appends messages one after the other: none is stored unless the one before it is. Only the first may have an
   * expectation. It stands for all of them: another write on its filter in between is a conflict, after which those
   * before it stay.
   * @returns the sequence of the last one
   * @throws as {@link append} does
   */
  appendInOrder(group: readonly Append[]): Promise<Appended> {
    if (this.#closed) return Promise.reject(closedError());
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    const maxPayload = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const lines: string[] = [];
    let bytes = 0;
    for (const append of group) {
      try {
        lines.push(linesOf(append));
      } catch (error) {
        return Promise.reject(unsendable(append, (error as Error).message));
      }
      const size = bytesOf(append.data);
      if (size + HEADER_ROOM > maxPayload) return Promise.reject(overPayload(append, maxPayload));
      bytes += size;
    }
    if (this.#queue.length >= maxWaiting || this.#queuedBytes + bytes > maxWaitingBytes) {
      return Promise.reject(this.#backpressure());
    }
    return new Promise((resolve, reject) => {
      const maybeStored = group.some((append) => append.maybeStored);
      this.#enqueue({ group, lines, bytes, resolve, reject, enqueuedAt: performance.now(), maybeStored });
    });
  }

  /** Refuses new writes; those that wait for an answer still get it while the connection lives. */
  close(): void {
    this.#closed = true;
    const queue = [...this.#alone, ...this.#queue];
    this.#alone = [];
    this.#queue = [];
    for (const { reject } of queue) reject(closedError());
  }

  #enqueue(waiting: Waiting): void {
    // In a row: none may overtake what waits for its batch.
    const mayGoAlone = waiting.group.length === 1 && this.#queue.length === 0;
    if (mayGoAlone && this.#singles.accepts(this.#alone.length)) this.#alone.push(waiting);
    else {
      this.#queue.push(waiting);
      this.#queuedBytes += waiting.bytes;
    }
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
      for (const { bytes } of alone) this.#queuedBytes += bytes;
    } else if (alone.length > 0) this.#sendSeparately(alone, this.#singles.begin(alone.length));
    else if (this.#queue.length >= PROBE_SIZE && this.#singles.shouldProbe) {
      const probe = this.#queue.slice(0, PROBE_SIZE);
      if (probe.some(({ group }) => group.length > 1)) return;
      this.#queue = this.#queue.slice(PROBE_SIZE);
      for (const { bytes } of probe) this.#queuedBytes -= bytes;
      this.#sendSeparately(probe, this.#singles.beginProbe());
    }
  }

  #sendSeparately(writes: readonly Waiting[], onAnswered: () => void): void {
    const messages = writes.map((waiting) => {
      const reply = this.#inbox.expect(this.#limits.confirmTimeoutMs, subjectOf(waiting), (msg) => {
        onAnswered();
        void this.#onAnswer(waiting, readAnswer(msg));
        this.#flush();
      });
      return outgoingMessage(waiting.group[0] as Append, waiting.lines[0] as string, reply);
    });
    this.#publish(messages);
  }

  #flush(): void {
    if (this.#singles.isProbing) return;
    while (this.#queue.length >= this.#enough && this.#inFlight < this.#limits.maxInFlight) {
      this.#sendParts(this.#take());
    }
  }

  /**
   * From how many waiting writes on another batch goes. It costs the server the same whatever its size, so one beside
   * another goes only when it is worth it, and a third only when it is full.
   */
  get #enough(): number {
    if (this.#inFlight === 0) return 1;
    return this.#inFlight === 1 ? this.#limits.gather : this.#limits.maxBatch;
  }

  /** The next writes that may share a batch: never two expectations about the same job. */
  #take(): Waiting[] {
    const { maxBatch, maxBatchBytes } = this.#limits;
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const filters = new Set<string>();
    let bytes = 0;
    let messages = 0;
    let index = 0;
    for (; index < this.#queue.length && bytes < maxBatchBytes; index++) {
      const waiting = this.#queue[index] as Waiting;
      if (messages + waiting.group.length > maxBatch) break;
      const filter = waiting.group[0]?.expect?.filter;
      if (filter !== undefined && filters.has(filter)) {
        left.push(waiting);
        continue;
      }
      if (filter !== undefined) filters.add(filter);
      bytes += waiting.bytes;
      messages += waiting.group.length;
      taken.push(waiting);
    }
    this.#queue = left.length === 0 ? this.#queue.slice(index) : [...left, ...this.#queue.slice(index)];
    this.#queuedBytes -= bytes;
    return taken;
  }

  /** Sends all of them as one atomic batch. */
  #sendBatch(batch: readonly Waiting[]): void {
    const isAmong = (subject: string) =>
      batch.some(({ group }) => group.some((each) => each.subject === subject));
    const reply = this.#expectAnswer(isAmong, (answer) => this.#onBatchAnswer(batch, answer));
    const mark = `Nats-Batch-Id: ${this.#id}-${this.#batches++}\r\nNats-Batch-Sequence: `;
    const messages: OutgoingMessage[] = [];
    for (const { group, lines } of batch) {
      for (let index = 0; index < group.length; index++) {
        const marks = `${mark}${messages.length + 1}\r\n`;
        messages.push(outgoingMessage(group[index] as Append, lines[index] + marks, undefined));
      }
    }
    const last = messages.at(-1) as OutgoingMessage;
    last.reply = reply;
    last.lines += 'Nats-Batch-Commit: 1\r\n';
    this.#publish(messages);
  }

  #sendParts(batch: readonly Waiting[]): void {
    if (batch.length < this.#limits.batchFrom) {
      for (const waiting of batch) this.#sendAlone(waiting);
    } else this.#sendBatch(batch);
  }

  #onBatchAnswer(batch: readonly Waiting[], answer: Answer): void {
    if (answer.kind === 'stored') {
      let { seq } = answer;
      for (const { group, resolve } of batch.toReversed()) {
        resolve({ seq, duplicate: false });
        seq -= group.length;
      }
    } else if (answer.kind === 'silent') {
      for (const waiting of batch) this.#again(waiting);
    } else if (answer.kind === 'denied') {
      // Each gets an answer of its own: the user may lack the right to some of the subjects alone.
      for (const waiting of batch) this.#sendAlone(waiting);
    } else {
      // One message spoils its batch. Halving it finds the one, and each caller gets its own answer.
      const half = Math.ceil(batch.length / 2);
      this.#sendParts(batch.slice(0, half));
      this.#sendParts(batch.slice(half));
    }
  }

  /** Sends a write by itself; of a group the first message, and the next ones as each is stored. */
  #sendAlone(waiting: Waiting): void {
    const reply = this.#expectAnswer(subjectOf(waiting), (answer) => void this.#onAnswer(waiting, answer));
    this.#publish([outgoingMessage(waiting.group[0] as Append, waiting.lines[0] as string, reply)]);
  }

  /** The first `count` messages are stored, the last of them under the sequence of `appended`. */
  #onStored(waiting: Waiting, appended: Appended, count = 1): void {
    const { group, lines, resolve } = waiting;
    const [next, ...rest] = group.slice(count);
    if (!next) {
      resolve(appended);
      return;
    }
    const filter = group[0]?.expect?.filter;
    const fenced = filter === undefined ? next : { ...next, expect: { filter, lastSeq: appended.seq } };
    waiting.group = [fenced, ...rest];
    waiting.lines = [linesOf(fenced), ...lines.slice(count + 1)];
    this.#sendAlone(waiting);
  }

  #expectAnswer(asked: string | ((subject: string) => boolean), onAnswer: (answer: Answer) => void): string {
    this.#inFlight++;
    return this.#inbox.expect(this.#limits.confirmTimeoutMs, asked, (msg) => {
      this.#inFlight--;
      onAnswer(readAnswer(msg));
      this.#flush();
    });
  }

  async #onAnswer(waiting: Waiting, answer: Answer): Promise<void> {
    const { group, reject } = waiting;
    const first = group[0] as Append;
    if (answer.kind === 'stored') return this.#onStored(waiting, answer);
    if (answer.kind === 'silent') return this.#again(waiting);
    if (answer.kind === 'denied') return reject(answer.error);
    if (answer.kind === 'refused' && answer.errCode === ID_IN_PROCESS) {
      setTimeout(() => this.#again(waiting), IN_PROCESS_PAUSE_MS);
      return;
    }
    if (answer.kind === 'refused' && CONFLICT_CODES.has(answer.errCode)) {
      if (!waiting.maybeStored) return reject(conflict(first, answer.description));
      try {
        const own = await this.#findOwn(group);
        return own
          ? this.#onStored(waiting, own.appended, own.count)
          : reject(conflict(first, answer.description));
      } catch {
        // Whose write it is stays unknown while the last message cannot be read.
        return this.#again(waiting);
      }
    }
    if (answer.kind === 'refused') return reject(refused(first, answer));
    if (waiting.streamMade || !(await this.#makeStream())) return reject(noStream(first));
    waiting.streamMade = true;
    this.#again(waiting);
  }

  /** No answer: the message may be stored or not. De-duplication and the expectation make sending it again safe. */
  #again(waiting: Waiting): void {
    waiting.maybeStored = true;
    const { giveUpMs } = this.#limits;
    const maxPayload = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    const tooLarge = waiting.group.find(({ data }) => bytesOf(data) + HEADER_ROOM > maxPayload);
    // The server ends the connection for such a message, and may have got a lower limit meanwhile.
    if (tooLarge) waiting.reject(overPayload(tooLarge, maxPayload));
    else if (this.#closed || this.#connection.isClosed()) waiting.reject(closedError());
    else if (performance.now() - waiting.enqueuedAt < giveUpMs) this.#sendAlone(waiting);
    else waiting.reject(unconfirmed(waiting.group[0] as Append, giveUpMs));
  }

  /**
   * After a lost answer, a conflict may be with ourselves: then the last message holds our own bytes.
   * @returns how many of the group are stored, and the last of them
   */
  async #findOwn(group: readonly Append[]): Promise<{ appended: Appended; count: number } | undefined> {
    const expect = group[0]?.expect;
    const last = expect && (await this.#readLast(expect.filter));
    if (!last) return undefined;
    const index = group.findLastIndex(({ data }) => {
      const own = typeof data === 'string' ? Buffer.from(data) : data;
      return Buffer.compare(last.data, own) === 0;
    });
    return index < 0 ? undefined : { appended: { seq: last.seq, duplicate: true }, count: index + 1 };
  }

  #publish(messages: readonly OutgoingMessage[]): void {
    // From a closed connection no answer comes, and the sweep of the inbox tells the caller.
    send(this.#connection, messages);
  }

  #backpressure(): BrokerError {
    return new BrokerError(
      'JETFLEET_BACKPRESSURE',
      `${this.#queue.length} writes (${this.#queuedBytes} bytes) wait for the broker already; await earlier calls before adding more`,
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

function subjectOf({ group }: Waiting): string {
  return (group[0] as Append).subject;
}

function linesOf({ headers = [], expect }: Append): string {
  const lines = headerLines(headers);
  if (!expect) return lines;
  const { filter, lastSeq } = expect;
  return `${lines}Nats-Expected-Last-Subject-Sequence: ${lastSeq}\r\nNats-Expected-Last-Subject-Sequence-Subject: ${filter}\r\n`;
}

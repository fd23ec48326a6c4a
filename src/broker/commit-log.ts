import { type Msg, type MsgHdrs, type NatsConnection, headers as newHeaders } from '@nats-io/transport-node';
import { ulid } from 'ulid';
import { BrokerError, ConflictError, JetfleetError } from '../jobs/errors.js';
import type { HeaderList } from '../wire/headers.js';
import type { ReplyInbox } from './reply-inbox.js';

/** One message to be stored. */
export interface Append {
  subject: string;
  data: Uint8Array;
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
  /** Most messages in a batch. Defaults to 250; the server's limit is 1,000. */
  maxBatch?: number;
  /** Most bytes in a batch. Defaults to 4 MiB. */
  maxBatchBytes?: number;
  /** Batches and single writes that wait for their answer at once. Defaults to 4. */
  maxInFlight?: number;
  /** Writes that may wait; one more is refused. Defaults to 20,000. */
  maxWaiting?: number;
  /** Bytes that may wait; more are refused. Defaults to 64 MiB. */
  maxWaitingBytes?: number;
  /** How long the broker has to confirm a write before it is sent again. Defaults to 2,000. */
  confirmTimeoutMs?: number;
  /** When to give up on a write that nobody confirms. Defaults to 30,000. */
  giveUpMs?: number;
}

interface Waiting {
  append: Append;
  headers: MsgHdrs;
  resolve: (appended: Appended) => void;
  reject: (error: Error) => void;
  enqueuedAt: number;
  /** Sent before without an answer: it may be stored already. */
  maybeStored: boolean;
}

/** The last message on a filter, to tell after a lost answer whether it is ours. */
export type ReadLast = (filter: string) => Promise<{ seq: number; data: Uint8Array } | undefined>;

/** Wrong last sequence, in its two forms (the second while another write on the subject is in flight on R3). */
const CONFLICT_CODES = new Set([10071, 10164]);
const NO_RESPONDERS = 503;
/** Bytes of headers that any message of Jetfleet stays below. */
const HEADER_ROOM = 8 * 1024;

/**
 * Group commit into one stream. Writes that wait together go as one atomic batch, which the server flushes to disk
 * once; a lone write goes as a plain publish. While `maxInFlight` sends wait for their answer, further writes gather,
 * so the batch grows with the load. Each caller gets its own answer: a rejected batch is sent again one by one.
 *
 * The batch headers are set by hand: the client's own batch drops expectations of every message but the first.
 * Source: nats-server ADR-50, and the measurements in docs/decisions.
 */
export class CommitLog {
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #readLast: ReadLast;
  readonly #limits: Required<CommitLogOptions>;
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
  ) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#readLast = readLast;
    this.#limits = {
      batchFrom: 4,
      maxBatch: 250,
      maxBatchBytes: 4 * 1024 * 1024,
      maxInFlight: 4,
      maxWaiting: 20_000,
      maxWaitingBytes: 64 * 1024 * 1024,
      confirmTimeoutMs: 2_000,
      giveUpMs: 30_000,
      ...options,
    };
  }

  /**
   * Resolves once the message is durable.
   * @throws ConflictError when the expectation does not hold
   * @throws BrokerError `JETFLEET_BACKPRESSURE`, `JETFLEET_NO_STREAM`, `JETFLEET_PUBLISH_REFUSED`,
   *   `JETFLEET_PUBLISH_TIMEOUT`
   * @throws JetfleetError `JETFLEET_CLOSED`
   */
  append(append: Append): Promise<Appended> {
    if (this.#closed) return Promise.reject(closedError());
    const { maxWaiting, maxWaitingBytes } = this.#limits;
    let headers: MsgHdrs;
    try {
      headers = toHeaders(append);
    } catch (error) {
      return Promise.reject(unsendable(append, (error as Error).message));
    }
    const maxPayload = this.#connection.info?.max_payload ?? Number.POSITIVE_INFINITY;
    if (append.data.length + HEADER_ROOM > maxPayload) {
      const size = `${append.data.length} bytes are over the server's max_payload of ${maxPayload}`;
      return Promise.reject(unsendable(append, size));
    }
    if (this.#queue.length >= maxWaiting || this.#queuedBytes + append.data.length > maxWaitingBytes) {
      return Promise.reject(this.#backpressure());
    }
    return new Promise((resolve, reject) => {
      const { maybeStored = false } = append;
      this.#enqueue({ append, headers, resolve, reject, enqueuedAt: performance.now(), maybeStored });
    });
  }

  /** Refuses new writes; those that wait for an answer still get it while the connection lives. */
  close(): void {
    this.#closed = true;
    const queue = this.#queue;
    this.#queue = [];
    for (const { reject } of queue) reject(closedError());
  }

  #enqueue(waiting: Waiting): void {
    this.#queue.push(waiting);
    this.#queuedBytes += waiting.append.data.length;
    if (this.#flushing) return;
    this.#flushing = true;
    // One turn of the event loop lets the writes of everything that just arrived gather.
    setImmediate(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (this.#queue.length > 0 && this.#inFlight < this.#limits.maxInFlight) {
      const taken = this.#take();
      if (taken.length >= this.#limits.batchFrom) this.#sendBatch(taken);
      else for (const waiting of taken) this.#sendSingle(waiting);
    }
  }

  /** The next writes that may share a batch: never two expectations about the same job. */
  #take(): Waiting[] {
    const { maxBatch, maxBatchBytes } = this.#limits;
    const taken: Waiting[] = [];
    const left: Waiting[] = [];
    const filters = new Set<string>();
    let bytes = 0;
    let index = 0;
    for (; index < this.#queue.length && taken.length < maxBatch && bytes < maxBatchBytes; index++) {
      const waiting = this.#queue[index] as Waiting;
      const filter = waiting.append.expect?.filter;
      if (filter !== undefined && filters.has(filter)) {
        left.push(waiting);
        continue;
      }
      if (filter !== undefined) filters.add(filter);
      bytes += waiting.append.data.length;
      taken.push(waiting);
    }
    this.#queue = left.length === 0 ? this.#queue.slice(index) : [...left, ...this.#queue.slice(index)];
    this.#queuedBytes -= bytes;
    return taken;
  }

  #sendBatch(batch: Waiting[]): void {
    this.#inFlight++;
    const id = ulid();
    const reply = this.#inbox.expect(this.#limits.confirmTimeoutMs, (msg) => {
      this.#inFlight--;
      this.#onBatchAnswer(batch, msg);
      this.#flush();
    });
    batch.forEach(({ append, headers }, index) => {
      headers.append('Nats-Batch-Id', id);
      headers.append('Nats-Batch-Sequence', String(index + 1));
      const last = index === batch.length - 1;
      if (last) headers.append('Nats-Batch-Commit', '1');
      this.#publish(append, headers, last ? reply : undefined);
    });
  }

  #onBatchAnswer(batch: Waiting[], msg: Msg | undefined): void {
    const answer = readAnswer(msg);
    if (answer.kind === 'stored') {
      const first = answer.seq - batch.length + 1;
      batch.forEach(({ resolve }, index) => {
        resolve({ seq: first + index, duplicate: false });
      });
      return;
    }
    // One message spoils its batch; alone, each caller gets its own answer.
    for (const waiting of batch) {
      waiting.headers = toHeaders(waiting.append);
      if (answer.kind === 'silent') this.#again(waiting);
      else this.#sendSingle(waiting);
    }
  }

  #sendSingle(waiting: Waiting): void {
    this.#inFlight++;
    const reply = this.#inbox.expect(this.#limits.confirmTimeoutMs, (msg) => {
      this.#inFlight--;
      void this.#onSingleAnswer(waiting, msg);
      this.#flush();
    });
    this.#publish(waiting.append, waiting.headers, reply);
  }

  async #onSingleAnswer(waiting: Waiting, msg: Msg | undefined): Promise<void> {
    const { append, resolve, reject } = waiting;
    const answer = readAnswer(msg);
    if (answer.kind === 'stored') return resolve(answer);
    if (answer.kind === 'silent') return this.#again(waiting);
    if (answer.kind === 'refused' && CONFLICT_CODES.has(answer.errCode)) {
      if (!waiting.maybeStored) return reject(conflict(append, answer.description));
      try {
        const own = await this.#findOwn(append);
        return own ? resolve(own) : reject(conflict(append, answer.description));
      } catch {
        // Whose write it is stays unknown while the last message cannot be read.
        return this.#again(waiting);
      }
    }
    reject(answer.kind === 'nobody' ? noStream(append) : refused(append, answer));
  }

  /** No answer: the message may be stored or not. De-duplication and the expectation make sending it again safe. */
  #again(waiting: Waiting): void {
    waiting.maybeStored = true;
    const { giveUpMs } = this.#limits;
    if (this.#closed || this.#connection.isClosed()) waiting.reject(closedError());
    else if (performance.now() - waiting.enqueuedAt < giveUpMs) this.#sendSingle(waiting);
    else waiting.reject(unconfirmed(waiting.append, giveUpMs));
  }

  /** After a lost answer, a conflict may be with ourselves: then the last message holds our own bytes. */
  async #findOwn(append: Append): Promise<Appended | undefined> {
    const last = append.expect && (await this.#readLast(append.expect.filter));
    if (!last || Buffer.compare(last.data, append.data) !== 0) return undefined;
    return { seq: last.seq, duplicate: true };
  }

  #publish(append: Append, headers: MsgHdrs, reply: string | undefined): void {
    try {
      this.#connection.publish(append.subject, append.data, { headers, ...(reply && { reply }) });
    } catch {
      // A closed connection: no answer comes, and the sweep of the inbox tells the caller.
    }
  }

  #backpressure(): BrokerError {
    return new BrokerError(
      'JETFLEET_BACKPRESSURE',
      `${this.#queue.length} writes (${this.#queuedBytes} bytes) wait for the broker already; await earlier calls before adding more`,
      { retryable: true },
    );
  }
}

type Answer =
  | { kind: 'stored'; seq: number; duplicate: boolean }
  | { kind: 'refused'; errCode: number; code: number; description: string }
  | { kind: 'nobody' }
  | { kind: 'silent' };

function readAnswer(msg: Msg | undefined): Answer {
  if (!msg) return { kind: 'silent' };
  if (msg.headers?.code === NO_RESPONDERS) return { kind: 'nobody' };
  let body: { seq?: number; duplicate?: boolean; error?: ApiError };
  try {
    body = msg.json();
  } catch {
    body = {
      error: { code: 500, err_code: 0, description: `unreadable answer ${JSON.stringify(msg.string())}` },
    };
  }
  if (!body.error) return { kind: 'stored', seq: body.seq ?? 0, duplicate: body.duplicate ?? false };
  const { code, err_code: errCode = 0, description = 'unknown error' } = body.error;
  return { kind: 'refused', errCode, code, description };
}

interface ApiError {
  code: number;
  err_code?: number;
  description?: string;
}

function toHeaders({ headers = [], expect }: Append): MsgHdrs {
  const out = newHeaders();
  for (const [name, value] of headers) out.append(name, value);
  if (expect) {
    out.append('Nats-Expected-Last-Subject-Sequence', String(expect.lastSeq));
    out.append('Nats-Expected-Last-Subject-Sequence-Subject', expect.filter);
  }
  return out;
}

function unsendable({ subject }: Append, why: string): BrokerError {
  return new BrokerError('JETFLEET_PUBLISH_REFUSED', `${subject} cannot be sent: ${why}`);
}

function conflict({ subject }: Append, description: string): ConflictError {
  return new ConflictError(`somebody else wrote before ${subject}: ${description}`);
}

function noStream({ subject }: Append): BrokerError {
  return new BrokerError(
    'JETFLEET_NO_STREAM',
    `no stream takes ${subject}; run "jetfleet setup", or check JETFLEET_NAMESPACE`,
    { retryable: true },
  );
}

function refused(
  { subject }: Append,
  answer: { code: number; errCode: number; description: string },
): BrokerError {
  return new BrokerError(
    'JETFLEET_PUBLISH_REFUSED',
    `the broker refused ${subject}: ${answer.description} (${answer.errCode})`,
    { retryable: answer.code >= 500 },
  );
}

function unconfirmed({ subject }: Append, giveUpMs: number): BrokerError {
  return new BrokerError(
    'JETFLEET_PUBLISH_TIMEOUT',
    `the broker did not confirm ${subject} within ${giveUpMs} ms; it may be stored or not`,
    { retryable: true },
  );
}

function closedError(): JetfleetError {
  return new JetfleetError('JETFLEET_CLOSED', 'the connection to the broker is closed');
}

import type { NatsConnection } from '@nats-io/transport-node';
import { newUlid } from '../../jobs/ulid.js';
import type { LinedMessage, OutgoingMessage } from '../connection/client-internals.js';
import { NO_RESPONDERS, send } from '../connection/guarded.js';
import type { Reply, ReplyInbox } from '../connection/reply-inbox.js';
import type { PendingWrite } from './pending-writes.js';
import type { UnansweredWrites } from './unanswered-writes.js';

/** What a stream answers to a write, or that nothing came in time. */
export type Answer =
  | { kind: 'stored'; seq: number; duplicate: boolean }
  | Refusal
  | { kind: 'nobody' }
  /** The user may not write there. */
  | { kind: 'denied'; error: Error }
  | { kind: 'silent' };

interface Refusal {
  kind: 'busy' | 'in process' | 'too many' | 'conflict' | 'refused';
  errCode: number;
  code: number;
  description: string;
}

interface ApiError {
  code: number;
  err_code?: number;
  description?: string;
}

/** Wrong last sequence, in its two forms (the second while another write on the subject is in flight on R3). */
const CONFLICT_CODES = new Set([10071, 10164]);
/** A message of this id is on its way through the replicas: this one, sent before, and not yet stored. */
const ID_IN_PROCESS = 10158;
/** A batch has more messages than the server takes. */
const BATCH_TOO_LARGE = 10199;
/** The server has no room at the moment: for requests, for batches at once, and for anything. */
const LOAD_CODES = new Set([10167, 10210, 10008]);

function kindOf(errCode: number): Refusal['kind'] {
  if (LOAD_CODES.has(errCode)) return 'busy';
  if (errCode === ID_IN_PROCESS) return 'in process';
  if (errCode === BATCH_TOO_LARGE) return 'too many';
  return CONFLICT_CODES.has(errCode) ? 'conflict' : 'refused';
}

function* batchOf(
  size: number,
  messageAt: (index: number) => LinedMessage,
  mark: string,
  reply: string,
): Generator<OutgoingMessage> {
  for (let index = 0; index < size; index++) {
    const { subject, lines, data } = messageAt(index);
    const isLast = index === size - 1;
    yield {
      subject,
      reply: isLast ? reply : undefined,
      lines: `${lines}${mark}${index + 1}\r\n${isLast ? 'Nats-Batch-Commit: 1\r\n' : ''}`,
      data,
    };
  }
}

/**
 * Sends writes into a stream, as an atomic batch or one by one, and reads the answers. The batch headers are set by hand: the
 * client's own batch drops expectations of every message but the first (nats-server ADR-50).
 */
export class WriteSender {
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #unanswered: UnansweredWrites;
  readonly #confirmTimeoutMs: number;
  /** Each message of a batch carries it. */
  readonly #id = newUlid().slice(-10);
  #batches = 0;

  /** @param confirmTimeoutMs after how long a write counts as unanswered */
  constructor(
    connection: NatsConnection,
    inbox: ReplyInbox,
    unanswered: UnansweredWrites,
    confirmTimeoutMs: number,
  ) {
    this.#connection = connection;
    this.#inbox = inbox;
    this.#unanswered = unanswered;
    this.#confirmTimeoutMs = confirmTimeoutMs;
  }

  /** One by one, beside each other. */
  sendEach(writes: readonly PendingWrite[], onAnswer: (write: PendingWrite, answer: Answer) => void): void {
    const messages = writes.map((write) => {
      const { subject, data } = write.append;
      const reply = this.#expect(subject, (answer) => onAnswer(write, answer));
      return { subject, reply, lines: write.lines, data };
    });
    send(this.#connection, messages);
  }

  /**
   * All of them, or none.
   * @param messageAt makes each message when it is written, so that thousands of them are not kept
   */
  sendBatch(
    size: number,
    messageAt: (index: number) => LinedMessage,
    onAnswer: (answer: Answer) => void,
  ): void {
    let subjects: ReadonlySet<string> | undefined;
    const isAmong = (subject: string) => {
      // The server names each message that it refuses.
      subjects ??= new Set(Array.from({ length: size }, (_, index) => messageAt(index).subject));
      return subjects.has(subject);
    };
    const reply = this.#expect(isAmong, onAnswer);
    const mark = `Nats-Batch-Id: ${this.#id}-${this.#batches++}\r\nNats-Batch-Sequence: `;
    send(this.#connection, batchOf(size, messageAt, mark, reply));
  }

  /** From a closed connection no answer comes, and the inbox says so. */
  #expect(asked: string | ((subject: string) => boolean), onAnswer: (answer: Answer) => void): string {
    return this.#inbox.expect(this.#confirmTimeoutMs, asked, (reply) => {
      const answer = readAnswer(reply);
      if (answer.kind === 'silent') this.#unanswered.silent(this.#confirmTimeoutMs);
      else this.#unanswered.reset();
      onAnswer(answer);
    });
  }
}

function readAnswer(msg: Reply): Answer {
  if (msg === undefined) return { kind: 'silent' };
  if (msg instanceof Error) return { kind: 'denied', error: msg };
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
  return { kind: kindOf(errCode), errCode, code, description };
}

import type { NatsConnection } from '@nats-io/transport-node';
import { ulid } from 'ulid';
import { BrokerError } from '../../jobs/errors.js';
import type { OutgoingMessage } from '../connection/client-internals.js';
import { send } from '../connection/guarded.js';
import type { Reply, ReplyInbox } from '../connection/reply-inbox.js';
import type { PendingWrite } from './pending-writes.js';
import type { UnansweredWrites } from './unanswered-writes.js';

/** What a stream answers to a write, or that nothing came in time. */
export type Answer =
  | { kind: 'stored'; seq: number; duplicate: boolean }
  | { kind: 'refused'; errCode: number; code: number; description: string }
  | { kind: 'nobody' }
  /** The user may not write there. */
  | { kind: 'denied'; error: BrokerError }
  | { kind: 'silent' };

interface ApiError {
  code: number;
  err_code?: number;
  description?: string;
}

const NO_RESPONDERS = 503;

/**
 * Sends writes into a stream, as an atomic batch or one by one, and reads the answers. The batch headers are set by hand: the
 * client's own batch drops expectations of every message but the first (nats-server ADR-50).
 */
export class WriteSender {
  readonly #connection: NatsConnection;
  readonly #inbox: ReplyInbox;
  readonly #unanswered: UnansweredWrites;
  readonly #confirmTimeoutMs: number;
  readonly #id = ulid();
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

  /** All of them, or none. */
  sendBatch(writes: readonly PendingWrite[], onAnswer: (answer: Answer) => void): void {
    const isAmong = (subject: string) => writes.some(({ append }) => append.subject === subject);
    const mark = `Nats-Batch-Id: ${this.#id}-${this.#batches++}\r\nNats-Batch-Sequence: `;
    const messages = writes.map(
      ({ append: { subject, data }, lines }, index): OutgoingMessage => ({
        subject,
        reply: undefined,
        lines: `${lines}${mark}${index + 1}\r\n`,
        data,
      }),
    );
    const last = messages.at(-1) as OutgoingMessage;
    last.reply = this.#expect(isAmong, onAnswer);
    last.lines += 'Nats-Batch-Commit: 1\r\n';
    send(this.#connection, messages);
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
  if (msg === 'late' || msg === 'cut') return { kind: 'silent' };
  if (msg instanceof BrokerError) return { kind: 'denied', error: msg };
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

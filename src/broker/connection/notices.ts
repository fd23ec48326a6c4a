import type { Msg, NatsConnection } from '@nats-io/transport-node';
import type { Logger } from '../../telemetry/logger.js';
import type { CancelledNotice, SweptNotice } from '../../wire/notice-messages.js';
import { ANY, type Any, type Subjects } from '../../wire/subjects.js';
import { newInbox } from './client-internals.js';
import { isOpen, send, subscribe } from './guarded.js';

/** What a notice says; bytes that are no JSON object say nothing. */
export type NoticeBody = Record<string, unknown>;

/** An answer comes from as many processes as listen; when none has come for this long, all have. */
const QUIET_MS = 250;
/** Anybody can send notices: one that is longer is not read. Answers with charts are the longest, half of this. */
const MAX_NOTICE_BYTES = 512 * 1024;
/** A notice that names a job or a worker and no more. */
export const MAX_SHORT_NOTICE_BYTES = 4 * 1024;
/** Answers to one question beyond this many, or this many bytes, are not read. */
const MAX_ANSWERS = 1_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;
/** Questions that one listener answers in a second; others get no answer, and may ask again. */
const MAX_ANSWERED_PER_SECOND = 50;
/** Where answers go: whoever asks on behalf of another subject would have a job or a notice sent in our name. */
const INBOX = /^_INBOX(_[A-Za-z0-9_-]+)?\.[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/**
 * Messages between processes that are not stored: whoever does not listen at that moment misses them. Anybody who may
 * publish can send them, so they are hints: who hears one verifies it before acting on it.
 */
export class Notices {
  readonly #connection: NatsConnection;
  readonly #subjects: Subjects;
  readonly #logger: Logger;

  constructor(connection: NatsConnection, subjects: Subjects, logger: Logger) {
    this.#connection = connection;
    this.#subjects = subjects;
    this.#logger = logger;
  }

  get isClosed(): boolean {
    return !isOpen(this.#connection);
  }

  /**
   * Hears that a transition of a job is being written; returns how to stop. It may be refused yet, and one that is written while
   * the connection is lost is not heard.
   */
  onTransition(id: string, listener: () => void): () => void {
    return this.#onEvents(this.#subjects.eventsOf(id), listener);
  }

  /** The same of all jobs of a type. */
  onTransitions(type: string | Any, listener: () => void): () => void {
    return this.#onEvents(this.#subjects.event(type, ANY, ANY), listener);
  }

  #onEvents(subject: string, listener: () => void): () => void {
    const subscription = subscribe(this.#connection, subject, () => listener(), this.#logger);
    return () => subscription.unsubscribe();
  }

  /** Tells every worker that a job was cancelled by the event `seq`. One that misses it is refused at its next write. */
  announceCancelled(id: string, seq: number): void {
    this.tell(this.#subjects.notices.cancelled(), { id, seq } satisfies CancelledNotice);
  }

  /**
   * Tells every worker that somebody has changed a job while it waited, by the event `seq`: its handler begins only once its claim is
   * written. Said as of a cancellation, since a worker does the same for both.
   */
  announceChanged(id: string, seq: number): void {
    this.tell(this.#subjects.notices.cancelled(), { id, seq } satisfies CancelledNotice);
  }

  /** Hears what is said of cancelled and of changed jobs, which anybody may say; returns how to stop. */
  onCancelled(listener: (id: string, seq: number) => void): () => void {
    const onNotice = ({ id, seq }: NoticeBody) => {
      if (typeof id === 'string' && typeof seq === 'number') listener(id, seq);
    };
    return this.hear(this.#subjects.notices.cancelled(), onNotice, MAX_SHORT_NOTICE_BYTES);
  }

  /** Tells the other workers that this one sweeps, so that they need not for a while. */
  announceSwept(notice: SweptNotice): void {
    this.tell(this.#subjects.notices.swept(), notice);
  }

  /** Hears when a worker says that it sweeps, this one included; returns how to stop. */
  onSwept(listener: (notice: SweptNotice) => void): () => void {
    const onNotice = ({ resources }: NoticeBody) => {
      if (Array.isArray(resources)) listener({ resources });
    };
    return this.hear(this.#subjects.notices.swept(), onNotice, MAX_SHORT_NOTICE_BYTES);
  }

  /** Sends a notice, unless the connection is closed: then nobody is there to send it to. */
  tell(subject: string, body: object): void {
    send(this.#connection, [{ subject, data: JSON.stringify(body) }]);
  }

  /** Listens on a subject, also to this process, and drops messages over `maxBytes`; returns how to stop. */
  hear(subject: string, listener: (body: NoticeBody) => void, maxBytes = MAX_NOTICE_BYTES): () => void {
    const onMessage = ({ data }: Msg) => {
      if (data.length <= maxBytes) listener(readObject(data));
    };
    const subscription = subscribe(this.#connection, subject, onMessage, this.#logger);
    return () => subscription.unsubscribe();
  }

  /** Answers those who {@link ask}, in their inboxes alone, unless `respond` has nothing to say; returns how to stop. */
  answer(
    subject: string,
    respond: (body: NoticeBody) => object | undefined,
    perSecond = MAX_ANSWERED_PER_SECOND,
  ): () => void {
    const budget = new PerSecond(perSecond);
    const onMessage = ({ data, reply = '' }: Msg) => {
      if (!INBOX.test(reply) || data.length > MAX_SHORT_NOTICE_BYTES || !budget.take()) return;
      const answer = respond(readObject(data));
      if (answer) send(this.#connection, [{ subject: reply, data: JSON.stringify(answer) }]);
    };
    const subscription = subscribe(this.#connection, subject, onMessage, this.#logger);
    return () => subscription.unsubscribe();
  }

  /** Every answer that comes within `withinMs`; sooner when no more come, and at once when nobody listens. */
  ask(subject: string, body: object, withinMs: number): Promise<NoticeBody[]> {
    const answers: NoticeBody[] = [];
    let bytes = 0;
    const inbox = newInbox(this.#connection);
    return new Promise((resolve) => {
      const finish = () => {
        clearTimeout(end);
        clearTimeout(quiet);
        subscription.unsubscribe();
        resolve(answers);
      };
      let quiet: NodeJS.Timeout | undefined;
      const onMessage = ({ data }: Msg) => {
        // The server itself answers, without a word, when nobody listens.
        if (data.length === 0) return finish();
        if (data.length > MAX_NOTICE_BYTES) return;
        bytes += data.length;
        answers.push(readObject(data));
        if (answers.length >= MAX_ANSWERS || bytes >= MAX_ANSWER_BYTES) return finish();
        clearTimeout(quiet);
        quiet = setTimeout(finish, QUIET_MS);
      };
      const subscription = subscribe(this.#connection, inbox, onMessage, this.#logger, finish);
      const end = setTimeout(finish, withinMs);
      if (!send(this.#connection, [{ subject, reply: inbox, data: JSON.stringify(body) }])) finish();
    });
  }
}

export class PerSecond {
  readonly #max: number;
  #left: number;
  #second = 0;

  constructor(max: number) {
    this.#max = max;
    this.#left = max;
  }

  take(): boolean {
    const second = Math.floor(performance.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#left = this.#max;
    }
    return this.#left-- > 0;
  }
}

const decoder = new TextDecoder();

function readObject(data: Uint8Array): NoticeBody {
  try {
    return { ...(JSON.parse(decoder.decode(data)) as object) };
  } catch {
    return {};
  }
}

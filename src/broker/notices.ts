import { createInbox, type NatsConnection } from '@nats-io/transport-node';

/** What a notice says; a stranger's bytes say nothing. */
export type NoticeBody = Record<string, unknown>;

/** An answer comes from as many processes as listen; when none has come for this long, all have. */
const QUIET_MS = 250;

/** Messages between processes that are not stored: whoever does not listen at that moment never hears of them. */
export class Notices {
  readonly #connection: NatsConnection;

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  get isClosed(): boolean {
    return this.#connection.isClosed();
  }

  tell(subject: string, body: object): void {
    this.#connection.publish(subject, JSON.stringify(body));
  }

  /** Hears what is told on a subject, by this process too; returns how to stop. */
  hear(subject: string, listener: (body: NoticeBody) => void): () => void {
    const subscription = this.#connection.subscribe(subject, {
      callback: (_, msg) => listener(readObject(msg.data)),
    });
    return () => subscription.unsubscribe();
  }

  /** Answers those who {@link ask}, unless `respond` has nothing to say; returns how to stop. */
  answer(subject: string, respond: (body: NoticeBody) => object | undefined): () => void {
    const subscription = this.#connection.subscribe(subject, {
      callback: (_, msg) => {
        const answer = respond(readObject(msg.data));
        if (answer) msg.respond(JSON.stringify(answer));
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Every answer that comes within `withinMs`; sooner when no more come, and at once when nobody listens. */
  ask(subject: string, body: object, withinMs: number): Promise<NoticeBody[]> {
    const answers: NoticeBody[] = [];
    const inbox = createInbox();
    return new Promise((resolve, reject) => {
      const finish = () => {
        clearTimeout(end);
        clearTimeout(quiet);
        subscription.unsubscribe();
        resolve(answers);
      };
      const end = setTimeout(finish, withinMs);
      let quiet: NodeJS.Timeout | undefined;
      const subscription = this.#connection.subscribe(inbox, {
        callback: (_, msg) => {
          // The server itself answers, without a word, when nobody listens.
          if (msg.data.length === 0) return finish();
          answers.push(readObject(msg.data));
          clearTimeout(quiet);
          quiet = setTimeout(finish, QUIET_MS);
        },
      });
      try {
        this.#connection.publish(subject, JSON.stringify(body), { reply: inbox });
      } catch (error) {
        finish();
        reject(error);
      }
    });
  }
}

function readObject(data: Uint8Array): NoticeBody {
  try {
    return { ...(JSON.parse(new TextDecoder().decode(data)) as object) };
  } catch {
    return {};
  }
}

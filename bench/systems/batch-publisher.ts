import { createInbox, type Msg, type NatsConnection, headers as newHeaders } from '@nats-io/transport-node';

export interface BatchSettings {
  /** Messages in one batch at most. */
  batch: number;
  /** Batches that wait for their answer at most. */
  inFlight: number;
}

interface Waiting {
  subject: string;
  data: string;
  resolve: () => void;
  reject: (error: Error) => void;
}

/** Atomic batches, several of them in flight: the fastest that JetStream stores (ADR-50). */
export class BatchPublisher {
  readonly #connection: NatsConnection;
  readonly #settings: BatchSettings;
  readonly #inbox = createInbox();
  readonly #unanswered = new Map<string, Waiting[]>();
  #queue: Waiting[] = [];
  #scheduled = false;
  #count = 0;

  constructor(connection: NatsConnection, settings: BatchSettings) {
    this.#connection = connection;
    this.#settings = settings;
    connection.subscribe(`${this.#inbox}.*`, { callback: (_, message) => this.#answer(message) });
  }

  /** Resolves once the message's batch is stored. */
  publish(subject: string, data: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ subject, data, resolve, reject });
      if (this.#scheduled) return;
      this.#scheduled = true;
      setImmediate(() => {
        this.#scheduled = false;
        this.#flush();
      });
    });
  }

  #flush(): void {
    const { batch: size, inFlight } = this.#settings;
    while (this.#queue.length > 0 && this.#unanswered.size < inFlight) {
      const batch = this.#queue.slice(0, size);
      this.#queue = this.#queue.slice(size);
      this.#send(batch);
    }
  }

  #send(batch: Waiting[]): void {
    const reply = `${this.#inbox}.${this.#count++}`;
    this.#unanswered.set(reply, batch);
    batch.forEach(({ subject, data }, index) => {
      const headers = newHeaders();
      headers.append('Nats-Batch-Id', reply);
      headers.append('Nats-Batch-Sequence', String(index + 1));
      const isLast = index === batch.length - 1;
      if (isLast) headers.append('Nats-Batch-Commit', '1');
      this.#connection.publish(subject, data, isLast ? { headers, reply } : { headers });
    });
  }

  #answer(message: Msg): void {
    const batch = this.#unanswered.get(message.subject) ?? [];
    this.#unanswered.delete(message.subject);
    const { error } = message.json<{ error?: { description: string } }>();
    for (const { resolve, reject } of batch) {
      if (error) reject(new Error(`the batch was refused: ${error.description}`));
      else resolve();
    }
    this.#flush();
  }
}

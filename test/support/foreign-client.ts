import { connect, headers, type JetStreamClient, type NatsConnection } from 'nats';

/** A producer that knows nothing of Jetfleet but its subjects and headers: the old `nats` 2.x client. */
export interface ForeignClient extends AsyncDisposable {
  connection: NatsConnection;
  js: JetStreamClient;
  /** Publishes to the stream that covers the subject. Rejects when none does, or when the stream refuses it. */
  publish(
    subject: string,
    body: string | Uint8Array,
    options?: Record<string, string>,
  ): Promise<{ seq: number }>;
  /** Publishes without asking for an answer, as `nats pub` does. */
  send(subject: string, body: string, options?: Record<string, string>): Promise<void>;
}

export async function connectForeign(url: string): Promise<ForeignClient> {
  const connection = await connect({ servers: url, name: 'foreign' });
  const js = connection.jetstream({ timeout: 5_000 });
  const toHeaders = (options: Record<string, string>) => {
    const out = headers();
    for (const [name, value] of Object.entries(options)) out.append(name, value);
    return out;
  };
  return {
    connection,
    js,
    publish: (subject, body, options = {}) => js.publish(subject, body, { headers: toHeaders(options) }),
    async send(subject, body, options = {}) {
      connection.publish(subject, body, { headers: toHeaders(options) });
      await connection.flush();
    },
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/** All that is said about the jobs of a namespace, in the order in which the server hears it. */
import type { JetStreamManager, Msg, StoredMsg } from 'nats';
import { ConflictError } from '../../src/index.js';
import type { JobRecord } from '../../src/jobs/job-record.js';
import { connectForeign, type ForeignClient } from '../support/foreign-client.js';

export type Entry =
  | { kind: 'record'; id: string; record: JobRecord; subject: string; headers: Record<string, string> }
  | { kind: 'publish'; id: string; subject: string; headers: Record<string, string> }
  | { kind: 'answer'; id: string; body: string };

/** Sequence and content of an event. */
export interface StoredEvent {
  seq: number;
  text: string;
}

/** The client has reads by subject, and its types lack them. */
type Manager = JetStreamManager & {
  direct: {
    getMessage(stream: string, query: { seq: number; next_by_subj: string }): Promise<StoredMsg>;
  };
};

const EXPECTED_SEQ = 'Nats-Expected-Last-Subject-Sequence';
const EXPECTED_FILTER = 'Nats-Expected-Last-Subject-Sequence-Subject';

export class WireLog implements AsyncDisposable {
  readonly entries: Entry[] = [];
  readonly #client: ForeignClient;
  readonly #jsm: Manager;
  readonly #namespace: string;
  /** The jobs of work messages, by their sequences. */
  readonly #ids = new Map<number, Promise<string>>();

  private constructor(client: ForeignClient, jsm: Manager, namespace: string) {
    this.#client = client;
    this.#jsm = jsm;
    this.#namespace = namespace;
  }

  static async open(url: string, namespace: string): Promise<WireLog> {
    const client = await connectForeign(url);
    const log = new WireLog(client, (await client.connection.jetstreamManager()) as Manager, namespace);
    for (const root of ['events', 'schedules', 'due'])
      client.connection.subscribe(`${namespace}.${root}.>`, { callback: (_, msg) => log.#onPublish(msg) });
    const acks = `$JS.ACK.${namespace.toUpperCase()}_JOBS.>`;
    client.connection.subscribe(acks, { callback: (_, msg) => void log.#onAnswer(msg) });
    await client.connection.flush();
    return log;
  }

  get publish(): ForeignClient['publish'] {
    return (subject, body, headers) => this.#client.publish(`${this.#namespace}.${subject}`, body, headers);
  }

  notify(subject: string, data: unknown): void {
    this.#client.connection.publish(`${this.#namespace}.${subject}`, JSON.stringify(data));
  }

  /** Writes a record as another process would, and reports a cancellation. */
  async append(
    record: Record<string, unknown> & { id: string; type: string; status: string },
  ): Promise<void> {
    const { id, type, status } = record;
    const last = (await this.events(id)).at(-1)?.seq ?? 0;
    const { seq } = await this.#client.publish(
      `${this.#namespace}.events.${type}.${status}.${id}`,
      JSON.stringify(record),
      { [EXPECTED_SEQ]: String(last), [EXPECTED_FILTER]: `${this.#namespace}.events.*.*.${id}` },
    );
    if (record.state === 'cancelled') this.notify('jetfleet.cancelled', { id, seq });
  }

  /** What EVENTS stores of a job, oldest first. */
  async events(id: string): Promise<StoredEvent[]> {
    const found: StoredEvent[] = [];
    const stream = `${this.#namespace.toUpperCase()}_EVENTS`;
    for (let seq = 1; ; seq = (found.at(-1)?.seq ?? 0) + 1) {
      const query = { seq, next_by_subj: `${this.#namespace}.events.*.*.${id}` };
      try {
        const message = await this.#jsm.direct.getMessage(stream, query);
        found.push({ seq: message.seq, text: new TextDecoder().decode(message.data) });
      } catch {
        return found;
      }
    }
  }

  /**
   * What was said about a job and stored, each record checked against its fence.
   * Of several `-NAK` in a row one is kept.
   * @param withBeats keeps one of several `+WPI` in a row, else none
   */
  async of(id: string, withBeats: boolean): Promise<Entry[]> {
    const stored = await this.events(id);
    const kept: Entry[] = [];
    let next = 0;
    for (const entry of this.entries) {
      if (entry.id !== id) continue;
      if (entry.kind === 'answer' && entry.body === '+WPI') {
        const last = kept.at(-1);
        if (withBeats && !(last?.kind === 'answer' && last.body === '+WPI')) kept.push(entry);
      } else if (entry.kind === 'answer') {
        // What is handed back comes again and again.
        const last = kept.at(-1);
        if (!(entry.body === '-NAK' && last?.kind === 'answer' && last.body === '-NAK')) kept.push(entry);
      } else if (entry.kind !== 'record') kept.push(entry);
      // A record that was refused is no record.
      else if (JSON.stringify(entry.record) === normal(stored[next]?.text)) {
        this.#assertFenced(entry, stored[next - 1]?.seq ?? 0);
        next++;
        kept.push(entry);
      }
    }
    return kept;
  }

  #assertFenced({ id, subject, record, headers }: Entry & { kind: 'record' }, after: number): void {
    const expected = `${this.#namespace}.events.${record.type}.${record.status}.${record.id}`;
    if (subject !== expected) throw new Error(`the record of ${id} stands on ${subject}`);
    const filter = `${this.#namespace}.events.*.*.${id}`;
    if (headers[EXPECTED_SEQ] === String(after) && headers[EXPECTED_FILTER] === filter) return;
    throw new ConflictError(`a record of ${id} is not fenced by ${after}: ${JSON.stringify(headers)}`);
  }

  #onPublish(msg: Msg): void {
    const subject = msg.subject;
    const id = subject.split('.').at(-1) ?? '';
    const headers = Object.fromEntries(msg.headers ? [...msg.headers].map(([k, [v = '']]) => [k, v]) : []);
    if (subject.startsWith(`${this.#namespace}.events.`)) {
      const record = JSON.parse(new TextDecoder().decode(msg.data)) as JobRecord;
      this.entries.push({ kind: 'record', id, record, subject, headers });
    } else
      this.entries.push({ kind: 'publish', id, subject: subject.slice(this.#namespace.length + 1), headers });
  }

  /** The place in the log is that of the moment in which it was heard. */
  async #onAnswer(msg: Msg): Promise<void> {
    const [, , , , , seq = ''] = msg.subject.split('.');
    const entry: Entry = { kind: 'answer', id: '', body: msg.string().split(' ')[0] ?? '' };
    this.entries.push(entry);
    entry.id = await this.#idOf(Number(seq));
  }

  #idOf(seq: number): Promise<string> {
    const known = this.#ids.get(seq) ?? this.#readId(seq);
    this.#ids.set(seq, known);
    return known;
  }

  async #readId(seq: number): Promise<string> {
    const stream = `${this.#namespace.toUpperCase()}_JOBS`;
    const { subject } = await this.#jsm.streams.getMessage(stream, { seq });
    const id = subject.split('.').at(-1) ?? '';
    return id === ':seq' ? `seq-${seq}` : id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.connection.close();
  }
}

function normal(text: string | undefined): string | undefined {
  return text === undefined ? undefined : JSON.stringify(JSON.parse(text));
}

import { headers, type Msg, type MsgHdrs } from '@nats-io/transport-node';
import { type HeaderReader, NO_HEADERS } from '../../wire/headers.js';
import { headerText } from '../connection/client-internals.js';

/** Headers of a message that was read, or of the status in its place. */
export interface StoredHeaders extends HeaderReader {
  /** 0 for a message. */
  readonly code: number;
  readonly description: string;
  has(name: string): boolean;
  /** The last value of a name, or an empty string. */
  last(name: string): string;
  [Symbol.iterator](): Iterator<[name: string, values: string[]]>;
}

/**
 * The headers of a stored message. The server adds lines of its own at the end, which can always be read: of headers that
 * the client cannot read, the lines that can be read are returned, and `isWhole` is false.
 */
export function storedHeaders(msg: Msg): { headers: StoredHeaders | undefined; isWhole: boolean } {
  const found = readHeaders(msg);
  if (found !== 'unreadable') return { headers: found, isWhole: true };
  const readable = headers();
  for (const line of headerText(msg)?.split('\r\n') ?? []) {
    const colon = line.indexOf(':');
    if (colon > 0) appendReadable(readable, line.slice(0, colon), line.slice(colon + 1));
  }
  return { headers: readable, isWhole: false };
}

/** The headers of a delivered job, or undefined when they cannot be read. */
export function headerReader(msg: Msg): HeaderReader | undefined {
  const found = readHeaders(msg);
  return found === 'unreadable' ? undefined : (found ?? NO_HEADERS);
}

/**
 * The headers of a message that any producer may have sent. Those of an ordinary message stay the text that they came as: the
 * client's objects for them are a sixth of all that a worker allocates for a job. The client reads what is out of the
 * ordinary, and throws for a bare newline in a value; inside a subscription's callback that would end the connection's reader.
 */
function readHeaders(msg: Msg): StoredHeaders | undefined | 'unreadable' {
  const text = headerText(msg);
  if (text !== undefined && PLAIN.test(text)) return new PlainHeaders(text);
  try {
    return msg.headers;
  } catch {
    return 'unreadable';
  }
}

function appendReadable(to: MsgHdrs, name: string, value: string): void {
  try {
    to.append(name, value);
  } catch {
    // What the client cannot read, nobody uses.
  }
}

const PLAIN = /^NATS\/1\.0\r\n(?:[A-Za-z0-9-]+:[^\r\n]*\r\n)*\r\n$/;

/** Headers as the lines of their message, one name and value in each. */
class PlainHeaders implements StoredHeaders {
  readonly code = 0;
  readonly description = '';
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get(name: string): string {
    const text = this.#text;
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      if (this.#isLine(name, at)) return this.#valueAt(name, at);
    }
    return '';
  }

  last(name: string): string {
    const text = this.#text;
    for (let at = text.lastIndexOf(name); at > 0; at = text.lastIndexOf(name, at - 1)) {
      if (this.#isLine(name, at)) return this.#valueAt(name, at);
    }
    return '';
  }

  has(name: string): boolean {
    return this.#text.includes(`\n${name}:`);
  }

  *[Symbol.iterator](): Generator<[name: string, values: string[]]> {
    for (const line of this.#text.split('\r\n').slice(1)) {
      const colon = line.indexOf(':');
      if (colon > 0) yield [line.slice(0, colon), [line.slice(colon + 1).trim()]];
    }
  }

  #isLine(name: string, at: number): boolean {
    return this.#text[at - 1] === '\n' && this.#text[at + name.length] === ':';
  }

  #valueAt(name: string, at: number): string {
    const valueAt = at + name.length + 1;
    return this.#text.slice(valueAt, this.#text.indexOf('\r', valueAt)).trim();
  }
}

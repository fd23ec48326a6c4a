import type { Msg, MsgHdrs } from '@nats-io/transport-node';
import { type HeaderReader, NO_HEADERS } from '../wire/headers.js';

/**
 * The headers of a message that a stranger may have sent. The client parses headers when they are first asked for, and
 * throws for a bare newline in a value; inside a subscription's callback that would end the connection's reader.
 */
export function readHeaders(msg: Msg): { ok: true; headers: MsgHdrs | undefined } | { ok: false } {
  try {
    return { ok: true, headers: msg.headers };
  } catch {
    return { ok: false };
  }
}

/**
 * The headers of a delivered job, or undefined when they cannot be read. Those of an ordinary message stay the text that
 * they came as: the client's objects for them are a sixth of all that a worker allocates for a job. The client reads
 * what is out of the ordinary.
 */
export function headerReader(msg: Msg): HeaderReader | undefined {
  const text = headerText(msg);
  if (text !== undefined && PLAIN.test(text)) return new PlainHeaders(text);
  const read = readHeaders(msg);
  if (!read.ok) return undefined;
  const { headers } = read;
  return headers ? { get: (name) => headers.get(name) } : NO_HEADERS;
}

const PLAIN = /^NATS\/1\.0\r\n(?:[A-Za-z0-9-]+:[^\r\n]*\r\n)*\r\n$/;
const utf8 = new TextDecoder();

/** What the client keeps of a message. It is not public, so a version may come without it. */
interface ReceivedMessage {
  _msg: { hdr: number };
  _rdata: Uint8Array;
}

function headerText(msg: Msg): string | undefined {
  const { _msg, _rdata } = msg as unknown as Partial<ReceivedMessage>;
  if (!(_rdata instanceof Uint8Array) || !_msg || !(_msg.hdr > 0)) return undefined;
  return utf8.decode(_rdata.subarray(0, _msg.hdr));
}

/** Headers as the lines of their message, one name and value in each. */
class PlainHeaders implements HeaderReader {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  get(name: string): string {
    const text = this.#text;
    for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
      const valueAt = at + name.length + 1;
      if (text[at - 1] === '\n' && text[valueAt - 1] === ':') {
        return text.slice(valueAt, text.indexOf('\r', valueAt)).trim();
      }
    }
    return '';
  }
}

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

/** For look-ups of many names: each look-up of the client's own copies all names and walks through them. */
export function headerReader(headers: MsgHdrs | undefined): HeaderReader {
  if (!headers) return NO_HEADERS;
  const values = new Map<string, string>();
  for (const [name, [first = '']] of headers) values.set(name, first);
  return { get: (name) => values.get(name) ?? '' };
}

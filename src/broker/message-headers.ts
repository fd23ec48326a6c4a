import type { Msg, MsgHdrs } from '@nats-io/transport-node';

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

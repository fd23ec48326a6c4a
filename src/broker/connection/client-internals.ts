/**
 * What Jetfleet takes from private fields of the NATS client, each with the public way beside it: a version of the client without the
 * field is used that way. A test holds both ways to the same result. The gain of each is in decision 40.
 */
import { createInbox, type Msg, type MsgHdrs, type NatsConnection } from '@nats-io/transport-node';

export interface OutgoingMessage {
  subject: string;
  /** Where it is answered. Defaults to nowhere. */
  reply?: string | undefined;
  /** Lines of headers, each with its end; without any the message has none. */
  lines?: string;
  /** Text goes out as UTF-8. */
  data: string | Uint8Array;
}

/** A message with its header lines, if any. */
export type LinedMessage = Required<Omit<OutgoingMessage, 'reply'>>;

interface PrivateConnection {
  /** The part of the client that takes bytes of the protocol. */
  protocol: { sendCommand(bytes: Uint8Array): void };
  options: { inboxPrefix?: string };
}

interface PrivateMessage {
  /** Where the headers end in the bytes. */
  _msg: { hdr: number };
  _rdata: Uint8Array;
}

const LINE_END = '\r\n';
const VERSION = `NATS/1.0${LINE_END}`;
/** Room for a few messages; more take as much as they need. */
const FIRST_BYTES = 2_048;
const utf8 = new TextDecoder();

/**
 * Publishes many messages at once, written into one buffer. The client's `publish` encodes the parts of each message by
 * itself and joins them later, which costs up to twice the time.
 */
export function publishAll(connection: NatsConnection, messages: Iterable<OutgoingMessage>): void {
  const { protocol } = connection as unknown as Partial<PrivateConnection>;
  const isOpen = !connection.isClosed() && !connection.isDraining();
  // The client's own way costs one message no more.
  const isOne = Array.isArray(messages) && messages.length === 1;
  if (!isOne && isOpen && typeof protocol?.sendCommand === 'function') {
    const bytes = encodeMessages(messages);
    // Behind an empty command the client believes that its buffer is about to leave, and sends nothing for seconds.
    if (bytes.length > 0) protocol.sendCommand(bytes);
  } else for (const message of messages) publishOne(connection, message);
}

/** The headers of a received message as they came, or undefined for a message without any. */
export function headerText(msg: Msg): string | undefined {
  const { _msg, _rdata } = msg as unknown as Partial<PrivateMessage>;
  if (!(_rdata instanceof Uint8Array) || !_msg || !(_msg.hdr > 0)) return undefined;
  return utf8.decode(_rdata.subarray(0, _msg.hdr));
}

/** A subject to be answered on, below the inbox prefix of the connection: its user may subscribe to no other. */
export function newInbox(connection: NatsConnection): string {
  const { options } = connection as unknown as Partial<PrivateConnection>;
  return createInbox(options?.inboxPrefix);
}

export function bytesOf(data: string | Uint8Array): number {
  return typeof data === 'string' ? Buffer.byteLength(data) : data.length;
}

function publishOne(connection: NatsConnection, { subject, reply, lines, data }: OutgoingMessage): void {
  connection.publish(subject, data, {
    ...(lines !== undefined && { headers: encodedHeaders(lines) }),
    ...(reply !== undefined && { reply }),
  });
}

/** The client asks nothing of outgoing headers but their bytes. */
function encodedHeaders(lines: string): MsgHdrs {
  const headers = { encode: () => Buffer.from(`${VERSION}${lines}${LINE_END}`) };
  return headers as unknown as MsgHdrs;
}

/** The messages as the protocol has them: `HPUB <subject> [reply] <header bytes> <all bytes>`, headers, body. */
function encodeMessages(messages: Iterable<OutgoingMessage>): Uint8Array {
  let bytes = Buffer.allocUnsafe(FIRST_BYTES);
  let at = 0;
  for (const message of messages) {
    const { data } = message;
    const bodyBytes = bytesOf(data);
    const head = headOf(message, bodyBytes);
    // No character takes more than three bytes.
    const most = at + 3 * head.length + bodyBytes + LINE_END.length;
    if (most > bytes.length) {
      const larger = Buffer.allocUnsafe(Math.max(2 * bytes.length, most));
      bytes.copy(larger, 0, 0, at);
      bytes = larger;
    }
    at += bytes.write(head, at);
    if (typeof data === 'string') at += bytes.write(data, at);
    else {
      bytes.set(data, at);
      at += data.length;
    }
    at += bytes.write(LINE_END, at, 'latin1');
  }
  return bytes.subarray(0, at);
}

function headOf({ subject, reply, lines }: OutgoingMessage, bodyBytes: number): string {
  const to = reply === undefined ? subject : `${subject} ${reply}`;
  if (lines === undefined) return `PUB ${to} ${bodyBytes}${LINE_END}`;
  const headerBytes = VERSION.length + Buffer.byteLength(lines) + LINE_END.length;
  const sizes = `${headerBytes} ${headerBytes + bodyBytes}`;
  return `HPUB ${to} ${sizes}${LINE_END}${VERSION}${lines}${LINE_END}`;
}

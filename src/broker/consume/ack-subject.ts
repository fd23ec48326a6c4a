export interface AckSubject {
  /** How often the stream has handed the message out, from 1. */
  deliveryCount: number;
  seq: number;
  consumerSeq: number;
  /** When the message was stored, ms since the epoch. */
  timeMs: number;
  /** Messages that the consumer had yet to hand out after this one. */
  pending: number;
}

const DOT = 46;
/** Tokens of the plain form; with a domain and account there are more. */
const PLAIN_TOKENS = 9;
const NANOSECOND_DIGITS = 6;
/** Where the dots stand. One for all: a list for each delivery would be garbage by the next. */
const dots = new Uint16Array(16);

/**
 * Reads `$JS.ACK.<stream>.<consumer>.<delivered>.<seq>.<consumer seq>.<time ns>.<pending>`, or the form with
 * `<domain>.<account>` before the stream and a random token at the end (nats-server ADR-15).
 */
export function parseAckSubject(subject: string): AckSubject {
  let count = 0;
  for (let at = 0; at < subject.length && count < dots.length; at++) {
    if (subject.charCodeAt(at) === DOT) dots[count++] = at;
  }
  const first = count + 1 > PLAIN_TOKENS ? 6 : 4;
  const number = (token: number, cut = 0) => {
    const end = token < count ? (dots[token] as number) : subject.length;
    return Number(subject.slice((dots[token - 1] as number) + 1, end - cut));
  };
  return {
    deliveryCount: number(first),
    seq: number(first + 1),
    consumerSeq: number(first + 2),
    timeMs: number(first + 3, NANOSECOND_DIGITS),
    pending: number(first + 4),
  };
}

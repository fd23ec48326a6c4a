import type { MsgHdrs } from '@nats-io/transport-node';
import type { HeaderList } from '../../wire/headers.js';

/**
 * Headers as the lines that go over the wire. The client's own class checks and canonicalises every value once more
 * for each message, which was a tenth of what a publish costs.
 * @throws TypeError for a value with a line break
 */
export function headerLines(headers: HeaderList): string {
  let lines = '';
  for (const [name, value] of headers) {
    if (/[\r\n]/.test(value))
      throw new TypeError(`header ${name} has a line break: ${JSON.stringify(value)}`);
    lines += `${name}: ${value}\r\n`;
  }
  return lines;
}

/** Lines of headers in the form that the client publishes: it asks nothing of headers but their bytes. */
export function outgoing(lines: string): MsgHdrs {
  const headers = { encode: () => Buffer.from(`NATS/1.0\r\n${lines}\r\n`) };
  return headers as unknown as MsgHdrs;
}

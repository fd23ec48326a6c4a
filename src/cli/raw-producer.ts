import { connect } from 'node:net';
import { createInterface } from 'node:readline';

/** A publisher that knows nothing but NATS' text protocol: what a shell script or another language would do. */
export interface RawProducer extends AsyncDisposable {
  /** Publishes, and waits for JetStream's answer. Gives the sequence in the stream. */
  publish(subject: string, body: string, headers?: Readonly<Record<string, string>>): Promise<number>;
}

const INBOX = '_INBOX.raw-producer';

/**
 * Speaks CONNECT, PING, SUB and HPUB over a plain socket
 * (https://docs.nats.io/reference/reference-protocols/nats-protocol).
 */
export async function connectRawProducer(url: string): Promise<RawProducer> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  // What fails ends the lines, which is noticed there.
  socket.on('error', () => {});
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  socket.write(`CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB ${INBOX} 1\r\nPING\r\n`);
  while ((await nextLine(lines)) !== 'PONG');
  return {
    async publish(subject, body, headers = {}) {
      socket.write(hpub(subject, body, headers));
      for (;;) {
        const line = await nextLine(lines);
        if (line === 'PING') socket.write('PONG\r\n');
        if (line.startsWith('-ERR')) throw new Error(`the server answered ${line}`);
        if (line.startsWith('NATS/1.0 503')) throw new Error(`no stream takes ${subject}`);
        if (!line.startsWith('{')) continue;
        const answer = JSON.parse(line) as { seq?: number; error?: { description: string } };
        if (answer.seq === undefined) throw new Error(answer.error?.description ?? line);
        return answer.seq;
      }
    },
    async [Symbol.asyncDispose]() {
      socket.destroy();
    },
  };
}

function hpub(subject: string, body: string, headers: Readonly<Record<string, string>>): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `NATS/1.0\r\n${lines.join('')}\r\n`;
  const headSize = Buffer.byteLength(head);
  return `HPUB ${subject} ${INBOX} ${headSize} ${headSize + Buffer.byteLength(body)}\r\n${head}${body}\r\n`;
}

async function nextLine(lines: AsyncIterator<string>): Promise<string> {
  const { value, done } = await lines.next();
  if (done) throw new Error('the server closed the connection');
  return value;
}

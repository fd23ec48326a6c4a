import { createConnection } from 'node:net';

/** Publishes by hand, as a client may that does not care for the protocol. */
export async function rawPublish(port: number, subject: string, body: string, headers = ''): Promise<void> {
  const socket = createConnection(port, '127.0.0.1');
  const head = headers ? `NATS/1.0\r\n${headers}\r\n\r\n` : '';
  const sizes = head ? `${head.length} ${head.length + body.length}` : `${body.length}`;
  socket.write(
    `CONNECT {"headers":true,"verbose":false}\r\n${head ? 'HPUB' : 'PUB'} ${subject} ${sizes}\r\n`,
  );
  socket.write(`${head}${body}\r\nPING\r\n`);
  let answer = '';
  for await (const chunk of socket) {
    answer += String(chunk);
    if (answer.includes('PONG')) break;
  }
}

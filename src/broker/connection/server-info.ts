import { connect } from 'node:net';

export interface ServerInfo {
  version: string;
  jetstream?: boolean;
  tls_verify?: boolean;
}

/** The first line that nats-server sends on a connection: `INFO {...}`. */
export function readInfo(host: string, port: number, signal: AbortSignal): Promise<ServerInfo> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, signal });
    let text = '';
    socket.setEncoding('utf8');
    socket.on('data', (chunk) => {
      text += chunk;
      const line = /^INFO (\{.*\})\s*\r?\n/.exec(text)?.[1];
      if (!line) return;
      socket.destroy();
      resolve(JSON.parse(line) as ServerInfo);
    });
    socket.once('error', reject);
    socket.once('close', () => reject(new Error('closed before INFO')));
  });
}

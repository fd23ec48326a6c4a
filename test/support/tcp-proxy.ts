import { connect, createServer, type Server, type Socket } from 'node:net';

export interface Target {
  host: string;
  port: number;
}

export interface TcpProxyOptions {
  /** Where connections go: to the first one, or by turns when there are several. */
  targets: Target | Target[];
}

/** A network between a client and its broker, with the faults that networks have. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** For clients: `nats://127.0.0.1:<port>`. */
  readonly url: string;
  /** Connections that are open now. */
  readonly connections: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** Ends all present connections at once; new ones are accepted. */
  cut(): void;
  /** Ends all present connections, and refuses new ones. */
  down(): Promise<void>;
  /** Accepts connections again, on the same port. */
  up(): Promise<void>;
  /** Holds every chunk back for `ms` milliseconds, both ways, in order; 0 ends it for what comes from now on. */
  delay(ms: number): void;
  /**
   * Swallows the bytes of both directions while the sockets stay open, as behind a firewall that forgot the
   * connection. Switched off, the sockets that lived through it are ended: their streams have holes.
   */
  halfOpen(on: boolean): void;
  stop(): Promise<void>;
}

/**
 * Starts a proxy on a free port.
 *
 *     await using proxy = await startTcpProxy({ targets: { host: '127.0.0.1', port: nats.port } });
 */
export async function startTcpProxy({ targets }: TcpProxyOptions): Promise<TcpProxy> {
  const list = [targets].flat();
  const links = new Set<Link>();
  const faults: Faults = { delayMs: 0, swallow: false };
  let accepted = 0;

  const accept = (client: Socket) => {
    const target = list[accepted % list.length] as Target;
    accepted += 1;
    const link = new Link(client, connect(target), faults, () => links.delete(link));
    links.add(link);
  };
  const cut = () => {
    for (const link of [...links]) link.destroy();
  };
  let server = await listen(0, accept);
  const { port } = server.address() as { port: number };

  async function down() {
    // The server ends when its last connection does, so both belong together.
    const closed = close(server);
    cut();
    await closed;
  }

  return {
    port,
    url: `nats://127.0.0.1:${port}`,
    get connections() {
      return links.size;
    },
    get accepted() {
      return accepted;
    },
    cut,
    down,
    up: async () => {
      if (!server.listening) server = await listen(port, accept);
    },
    delay: (ms) => {
      faults.delayMs = ms;
    },
    halfOpen: (on) => {
      if (faults.swallow && !on) cut();
      faults.swallow = on;
    },
    stop: down,
    [Symbol.asyncDispose]: down,
  };
}

/** What is wrong with the network now. */
interface Faults {
  delayMs: number;
  swallow: boolean;
}

/** One client's connection and its counterpart at the target. */
class Link {
  readonly #sockets: readonly [Socket, Socket];
  readonly #faults: Faults;
  readonly #onEnd: () => void;
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(client: Socket, target: Socket, faults: Faults, onEnd: () => void) {
    this.#sockets = [client, target];
    this.#faults = faults;
    this.#onEnd = onEnd;
    this.#forward(client, target);
    this.#forward(target, client);
  }

  destroy(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const socket of this.#sockets) socket.destroy();
    this.#onEnd();
  }

  #forward(from: Socket, to: Socket): void {
    from.setNoDelay(true);
    // No later chunk may overtake an earlier one when the delay gets shorter.
    let lastDue = 0;
    const inOrder = (pass: () => void) => {
      if (this.#faults.swallow) return;
      const now = performance.now();
      lastDue = Math.max(now + this.#faults.delayMs, lastDue);
      if (lastDue <= now) pass();
      else this.#later(lastDue - now, pass);
    };
    from.on('data', (chunk) => inOrder(() => to.write(chunk)));
    from.on('end', () => inOrder(() => to.end()));
    // A side that breaks takes the other one with it; while the link is half open, nobody hears of that.
    from.on('error', () => {});
    from.on('close', () => {
      if (!this.#faults.swallow) this.#later(this.#faults.delayMs, () => this.destroy());
    });
  }

  #later(ms: number, run: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      run();
    }, ms);
    this.#timers.add(timer);
  }
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, accept);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      // An accept that fails hits one client, which tries again; it must not end the test's process.
      server.on('error', () => {});
      resolve(server);
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

import { errors, type NatsConnection, type Status } from '@nats-io/transport-node';
import type { Logger } from '../../telemetry/logger.js';
import { isAuthError } from './connect-error.js';
import type { Violation } from './forbidden.js';

/** What happens to a connection that reconnects by itself. */
export type ConnectionChange = 'lost' | 'back';

interface Listener {
  onChange(change: ConnectionChange): void;
  /** The server dropped what was sent, since its user may not send it. */
  onViolation(violation: Violation): void;
}

/** Follows a connection: tells when it is lost and back, and logs what the server complains about. */
export class ConnectionWatch {
  readonly #connection: NatsConnection;
  readonly #listener: Listener;
  readonly #logger: Logger;
  readonly #status: AsyncIterable<Status> & { stop?: () => void };
  #isConnected = true;
  #isRefused = false;
  #stopped = false;

  constructor(connection: NatsConnection, listener: Listener, logger: Logger) {
    this.#connection = connection;
    this.#listener = listener;
    this.#logger = logger;
    this.#status = connection.status();
    void this.#follow();
  }

  get isConnected(): boolean {
    return this.#isConnected && !this.#connection.isClosed();
  }

  /** Ends; a lent connection lives on. */
  stop(): void {
    this.#stopped = true;
    this.#status.stop?.();
  }

  async #follow(): Promise<void> {
    for await (const status of this.#status) {
      if (status.type === 'error') this.#onError(status.error);
      // Each attempt to reconnect that fails is a disconnect of its own, and each of them ends in a reconnect.
      if (status.type === 'disconnect' && this.#isConnected) {
        this.#logger.warn('connection to the broker lost; reconnecting');
        this.#change('lost');
      }
      if (status.type === 'reconnect' && !this.#isConnected) {
        this.#logger.info('connection to the broker is back');
        this.#isRefused = false;
        this.#change('back');
      }
    }
    if (!this.#stopped) this.#logger.error('the connection to the broker is closed for good');
  }

  #onError(error: Error): void {
    if (error instanceof errors.PermissionViolationError) this.#listener.onViolation(error);
    else if (!isAuthError(error)) this.#logger.warn({ err: error }, 'broker reported an error');
    else if (!this.#isRefused) {
      this.#isRefused = true;
      const advice = 'the broker refuses the credentials; trying again, with what their file holds then';
      this.#logger.error({ err: error }, advice);
    }
  }

  #change(change: ConnectionChange): void {
    this.#isConnected = change === 'back';
    this.#listener.onChange(change);
  }
}

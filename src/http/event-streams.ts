import type { Context } from 'hono';
import { JetfleetError } from '../jobs/errors.js';
import type { ApiEnv } from './access.js';

/** One server-sent event; `data` is sent as JSON. */
interface SentEvent {
  event: string;
  id?: string | number;
  data: unknown;
}

const HEARTBEAT_MS = 15_000;
/** What may wait for a reader before `ready` makes the sender wait. */
const AHEAD_BYTES = 64 * 1024;
/** A reader that is further behind is dropped: it may come back and resume. */
const MAX_BEHIND_BYTES = 2 * 1024 * 1024;
const HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-store',
  // Proxies would else hold events back until enough have come.
  'x-accel-buffering': 'no',
};

/** One reader's stream of events (text/event-stream). */
export class EventStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly #encoder = new TextEncoder();
  readonly #onEnd: () => void;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #ended = new AbortController();
  #controller!: ReadableStreamDefaultController<Uint8Array>;
  #waiting: (() => void)[] = [];
  #hasReadSince = true;

  constructor(onEnd: () => void) {
    this.#onEnd = onEnd;
    this.readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => {
          this.#hasReadSince = true;
          this.#release();
        },
        cancel: () => this.#stop(),
      },
      new ByteLengthQueuingStrategy({ highWaterMark: AHEAD_BYTES }),
    );
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#write(': open\nretry: 2000\n\n');
  }

  /** Fires when the stream has ended, by whatever side. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  send({ event, id, data }: SentEvent): void {
    const name = id === undefined ? '' : `id: ${id}\n`;
    this.#write(`event: ${event}\n${name}data: ${JSON.stringify(data)}\n\n`);
  }

  /** Resolves once the reader has room for more, or the stream has ended. */
  async ready(): Promise<void> {
    if (this.signal.aborted || (this.#controller.desiredSize ?? 0) > 0) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Ends the stream after what was sent. */
  end(): void {
    if (this.signal.aborted) return;
    this.#stop();
    this.#controller.close();
  }

  #write(text: string): void {
    if (this.signal.aborted) return;
    this.#controller.enqueue(this.#encoder.encode(text));
    if ((this.#controller.desiredSize ?? 0) < -MAX_BEHIND_BYTES) this.#drop();
  }

  #beat(): void {
    // Nothing read for a whole beat although something waits: nobody is there.
    const isFull = (this.#controller.desiredSize ?? 0) <= 0;
    if (isFull && !this.#hasReadSince) this.#drop();
    else this.#write(': still here\n\n');
    this.#hasReadSince = false;
  }

  #drop(): void {
    this.#stop();
    this.#controller.error(new Error('the reader of the stream is too slow'));
  }

  #stop(): void {
    if (this.signal.aborted) return;
    clearInterval(this.#heartbeat);
    this.#ended.abort();
    this.#release();
    this.#onEnd();
  }

  #release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

type Closer = () => unknown;

/** The streams that are open, so many at most for each token. */
export class EventStreams {
  readonly #maxPerToken: number;
  readonly #open = new Map<EventStream, string>();

  constructor(maxPerToken: number) {
    this.#maxPerToken = maxPerToken;
  }

  /**
   * Answers with a stream.
   * @param fill is called with it before the answer leaves, and gives how to close what feeds it; when it throws, the stream ends
   * @throws JetfleetError `JETFLEET_HTTP_TOO_MANY` when the token has as many streams as it may
   */
  async respond(
    c: Context<ApiEnv>,
    fill: (stream: EventStream) => Closer | Promise<Closer>,
  ): Promise<Response> {
    // A HEAD request has no body that anybody would read.
    if (c.req.raw.method === 'HEAD') return new Response(null, { headers: HEADERS });
    const holder = c.get('holder');
    const own = [...this.#open.values()].filter((each) => each === holder).length;
    if (own >= this.#maxPerToken) {
      throw new JetfleetError(
        'JETFLEET_HTTP_TOO_MANY',
        `the token has ${own} streams open, which is the limit; close some first`,
        { retryable: true },
      );
    }
    const stream = new EventStream(() => this.#open.delete(stream));
    this.#open.set(stream, holder);
    try {
      const close = await fill(stream);
      // The reader may have gone meanwhile.
      if (stream.signal.aborted) void close();
      else stream.signal.addEventListener('abort', () => void close());
    } catch (error) {
      stream.end();
      throw error;
    }
    return new Response(stream.readable, { headers: HEADERS });
  }

  close(): void {
    for (const stream of this.#open.keys()) stream.end();
  }
}

import { ApiError, call } from '../api/client.js';
import { type Shared, shared } from '../shared.js';
import { readEvents, type ServerEvent } from './event-stream.js';

/**
 * - `connecting`: for the first time
 * - `open`
 * - `paused`: nobody looks at the page
 * - `lost`: it was refused or broke off; the next try comes by itself
 */
export type Connection = 'connecting' | 'open' | 'paused' | 'lost';

const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;
/** The server gives a sign every 15 s. */
const SILENCE_MS = 40_000;

export interface FollowOptions {
  onEvent(event: ServerEvent): void;
  onConnection?(connection: Connection): void;
}

/**
 * Follows a stream of the API by fetch, since EventSource cannot send a token. It pauses while the page is hidden and
 * comes back after a loss, with backoff and from the last event on.
 * @returns what ends it
 */
export function follow(path: string, { onEvent, onConnection }: FollowOptions): () => void {
  if (shared) return tell(shared, path, onEvent);
  let abort: AbortController | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let tries = 0;
  let lastId: string | undefined;

  async function connect(): Promise<void> {
    const own = new AbortController();
    abort = own;
    let silence: ReturnType<typeof setTimeout> | undefined;
    const onSign = () => {
      clearTimeout(silence);
      silence = setTimeout(() => own.abort(), SILENCE_MS);
    };
    try {
      onSign();
      const headers = lastId === undefined ? undefined : { 'Last-Event-ID': lastId };
      const response = await call(path, { signal: own.signal, ...(headers && { headers }) });
      onConnection?.('open');
      for await (const event of readEvents(response.body as ReadableStream<Uint8Array>, onSign)) {
        tries = 0;
        if (event.id !== undefined) lastId = event.id;
        if (abort === own) onEvent(event);
      }
      retry(own);
    } catch (error) {
      // A token that is missing is asked for by a form, which starts everything anew.
      if (!(error instanceof ApiError && error.status === 401)) retry(own);
    } finally {
      clearTimeout(silence);
    }
  }

  function retry(own: AbortController): void {
    if (abort !== own) return;
    onConnection?.('lost');
    const longest = Math.min(FIRST_RETRY_MS * 2 ** tries++, LONGEST_RETRY_MS);
    timer = setTimeout(() => void connect(), longest * (0.5 + Math.random() / 2));
  }

  function stop(): void {
    const last = abort;
    abort = undefined;
    last?.abort();
    clearTimeout(timer);
  }

  function onVisibility(): void {
    stop();
    if (document.hidden) onConnection?.('paused');
    else void connect();
  }

  document.addEventListener('visibilitychange', onVisibility);
  onConnection?.('connecting');
  if (!document.hidden) void connect();
  return () => {
    document.removeEventListener('visibilitychange', onVisibility);
    stop();
  };
}

/** In the page as a file: what the stream had told when it was made. */
function tell({ answers }: Shared, path: string, onEvent: FollowOptions['onEvent']): () => void {
  let isStopped = false;
  const text = answers[path];
  const run = async () => {
    if (typeof text !== 'string') return;
    for await (const event of readEvents(new Response(text).body as ReadableStream<Uint8Array>, () => {}))
      if (!isStopped) onEvent(event);
  };
  void run();
  return () => {
    isStopped = true;
  };
}

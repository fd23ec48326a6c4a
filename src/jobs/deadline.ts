/** A call that ends by its deadline, with what `late` gives, or with the first of `signals`. It is raced: it may heed no signal. */
export async function withDeadline<T>(
  timeoutMs: number | undefined,
  signals: readonly (AbortSignal | undefined)[],
  late: () => Error,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  for (const signal of signals) signal?.throwIfAborted();
  const controller = new AbortController();
  let end!: (reason: unknown) => void;
  const ended = new Promise<never>((_, reject) => {
    end = (reason) => {
      reject(reason);
      controller.abort(reason);
    };
  });
  const onAbort = ({ target }: Event) => end((target as AbortSignal).reason);
  for (const signal of signals) signal?.addEventListener('abort', onAbort, { once: true });
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => end(late()), timeoutMs);
  try {
    return await Promise.race([call(controller.signal), ended]);
  } finally {
    clearTimeout(timer);
    for (const signal of signals) signal?.removeEventListener('abort', onAbort);
  }
}

/** A pause that may end early. */
export interface Wakeable {
  /** Never rejects. */
  readonly over: Promise<void>;
  wake(): void;
}

/** A pause of `ms` milliseconds at most: until it is woken, or one of `signals` has fired. */
export function wakeable(ms: number, signals: readonly (AbortSignal | undefined)[] = []): Wakeable {
  let wake!: () => void;
  const over = new Promise<void>((resolve) => {
    wake = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener('abort', wake);
      resolve();
    };
  });
  const timer = setTimeout(wake, ms);
  for (const signal of signals) signal?.addEventListener('abort', wake, { once: true });
  if (signals.some((signal) => signal?.aborted)) wake();
  return { over, wake };
}

/** Waits for `work` for at most `ms` milliseconds, and for its failure as for its success. */
export async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeUp = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work.catch(() => {}), timeUp]);
  clearTimeout(timer);
}

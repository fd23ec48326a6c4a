import { type Logger, silentLogger } from './logger.js';

/** A callback that always fails is logged at most so often. */
const LOG_EVERY_MS = 1_000;

interface Failures {
  count: number;
  /** How many the log does not show yet. */
  unlogged: number;
  loggedAtMs: number;
}

/**
 * Calls functions that were handed to Jetfleet: callbacks, listeners, hooks. What they throw, or their promises reject
 * with, is logged and counted here, and goes no further.
 */
export class UserCode {
  /** The logger that it was made with, whose methods now never throw. */
  readonly logger: Logger;
  readonly #failures = new Map<string, Failures>();

  constructor(logger: Logger) {
    this.logger = this.guard(logger);
  }

  /** How often each callback has failed, by its name. */
  get failures(): Record<string, number> {
    return Object.fromEntries([...this.#failures].map(([name, { count }]) => [name, count]));
  }

  /** A logger whose methods never throw; what they throw is counted as failures of `logger`. */
  guard(logger: Logger): Logger {
    return guardedLogger(logger, () => this.#failuresOf('logger').count++);
  }

  /** Runs a callback and does not wait for its promise. It never throws. */
  run(name: string, callback: () => unknown): void {
    safely(callback, (err) => this.note(name, err));
  }

  /**
   * Counts a failure of the callback `name`, and logs it unless one was logged in the last second.
   * @param facts more for the log
   */
  note(name: string, err: unknown, facts: object = {}): void {
    const failures = this.#failuresOf(name);
    failures.count++;
    failures.unlogged++;
    const now = performance.now();
    if (now - failures.loggedAtMs < LOG_EVERY_MS) return;
    const { unlogged: times } = failures;
    failures.loggedAtMs = now;
    failures.unlogged = 0;
    this.logger.error({ err, callback: name, times, ...facts }, 'a callback failed; its error ends here');
  }

  #failuresOf(name: string): Failures {
    const known = this.#failures.get(name);
    if (known) return known;
    const none = { count: 0, unlogged: 0, loggedAtMs: Number.NEGATIVE_INFINITY };
    this.#failures.set(name, none);
    return none;
  }
}

/**
 * A logger whose methods never throw and never reject, around one that may.
 * @param onFailure called when a method has failed
 */
export function guardedLogger(logger: Logger, onFailure: () => void = () => {}): Logger {
  // Pino at the level `silent` calls nothing of anybody's.
  if (logger === silentLogger || guarded.has(logger)) return logger;
  const around = (level: 'debug' | 'info' | 'warn' | 'error') => {
    return (...parts: unknown[]) =>
      safely(() => (logger[level] as (...parts: unknown[]) => unknown)(...parts), onFailure);
  };
  const safe = {
    debug: around('debug'),
    info: around('info'),
    warn: around('warn'),
    error: around('error'),
    child: (...parts: Parameters<Logger['child']>) => {
      try {
        const child = logger.child(...parts);
        if (typeof child?.info === 'function') return guardedLogger(child, onFailure);
        // Of a promise of a logger only that it is none counts.
        void Promise.resolve(child).catch(() => {});
        onFailure();
        return safe;
      } catch {
        onFailure();
        return safe;
      }
    },
    get level() {
      return logger.level;
    },
    set level(level: string) {
      logger.level = level;
    },
  } as Logger;
  guarded.add(safe);
  return safe;
}

const guarded = new WeakSet<Logger>();

/** Runs code of others. What it throws, or its promise rejects with, goes to `onFailure` alone. */
export function safely(call: () => unknown, onFailure: (error: unknown) => void): void {
  try {
    const result = call();
    if (typeof result === 'object' && result !== null) void Promise.resolve(result).catch(onFailure);
  } catch (error) {
    onFailure(error);
  }
}

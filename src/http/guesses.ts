import { createHash } from 'node:crypto';
import { isIP } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { JetfleetError } from '../jobs/errors.js';

interface Caller {
  /** Digests of different wrong tokens: the same one again is a mistake and no guess. */
  wrong: Set<string>;
  /** Digests of tokens that were right, which stay free of any wait. */
  right: Set<string>;
  waiting: number;
  lastAtMs: number;
  lastWrongAtMs: number;
}

/** Different wrong tokens from one address that are answered at once. */
const FREE_GUESSES = 10;
const FIRST_WAIT_MS = 250;
const MAX_WAIT_MS = 10_000;
/** Answers to one address that are held back at the same time; further guesses are refused unread. */
const MAX_WAITING = 4;
const FORGET_AFTER_MS = 10 * 60_000;
const MAX_CALLERS = 10_000;
const MAX_DIGESTS = 100;

/**
 * Slows down who guesses tokens, by address: after ten different wrong ones each further answer waits twice as long, up to
 * 10 s. A token that was right before from the same address never waits.
 */
export class Guesses {
  readonly #callers = new Map<string, Caller>();

  get size(): number {
    return this.#callers.size;
  }

  /**
   * Looks a token up, or refuses to while its address has too many wrong ones waiting.
   * @returns what `find` returns, for a wrong token after a wait
   * @throws JetfleetError `JETFLEET_HTTP_TOO_MANY`
   */
  async check<T>(
    address: string,
    token: string,
    find: (token: string) => T | undefined,
  ): Promise<T | undefined> {
    const key = networkOf(address);
    const known = this.#callers.get(key);
    const digest = createHash('sha256').update(token).digest('base64');
    if (known && known.waiting >= MAX_WAITING && !known.right.has(digest)) {
      throw new JetfleetError(
        'JETFLEET_HTTP_TOO_MANY',
        'too many wrong tokens came from this address; try again later',
        { retryable: true },
      );
    }
    const found = find(token);
    const caller = known ?? this.#add(key);
    caller.lastAtMs = Date.now();
    if (found === undefined) await this.#holdBack(caller, digest);
    else remember(caller.right, digest);
    return found;
  }

  async #holdBack(caller: Caller, digest: string): Promise<void> {
    if (Date.now() - caller.lastWrongAtMs > FORGET_AFTER_MS) caller.wrong.clear();
    caller.lastWrongAtMs = Date.now();
    remember(caller.wrong, digest);
    const beyond = caller.wrong.size - FREE_GUESSES;
    if (beyond <= 0) return;
    caller.waiting++;
    await delay(Math.min(FIRST_WAIT_MS * 2 ** (beyond - 1), MAX_WAIT_MS), undefined, { ref: false });
    caller.waiting--;
  }

  #add(key: string): Caller {
    this.#forgetOld();
    const caller: Caller = {
      wrong: new Set(),
      right: new Set(),
      waiting: 0,
      lastAtMs: Date.now(),
      lastWrongAtMs: 0,
    };
    this.#callers.set(key, caller);
    return caller;
  }

  /** The map is in the order in which callers came first, so the oldest are at its beginning. */
  #forgetOld(): void {
    const oldestMs = Date.now() - FORGET_AFTER_MS;
    for (const [key, { lastAtMs, waiting }] of this.#callers) {
      if (this.#callers.size < MAX_CALLERS && lastAtMs >= oldestMs) return;
      if (waiting === 0) this.#callers.delete(key);
    }
  }
}

function remember(digests: Set<string>, digest: string): void {
  if (digests.size < MAX_DIGESTS) digests.add(digest);
}

/** One household has 2^64 addresses of IPv6. */
function networkOf(address: string): string {
  if (isIP(address) !== 6 || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const groups = head.split(':').filter(Boolean);
  const rest = tail === undefined ? [] : tail.split(':').filter(Boolean);
  const zeros = tail === undefined ? [] : Array<string>(8 - groups.length - rest.length).fill('0');
  return [...groups, ...zeros, ...rest].slice(0, 4).join(':');
}

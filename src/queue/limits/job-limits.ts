import { hostname } from 'node:os';
import type { Broker } from '../../broker/broker.js';
import { inParts } from '../../jobs/in-parts.js';
import { checkLimitName, givenSettings, type LimitSettings, parseLimitName } from '../../jobs/limit.js';
import { assertOptions, checkText, type OptionNames } from '../../jobs/options.js';
import type { ShownLimit, ShownWaiter } from '../../jobs/shown-limit.js';
import { JobPriority, PRIORITIES } from '../../jobs/vocabulary.js';
import { decodeLedger, type Ledger } from '../../wire/limit-message.js';
import { permitsSubject } from '../../wire/limit-subjects.js';
import { ANY } from '../../wire/subjects.js';
import { nextFreeAt, prune, set, waitingIn } from './ledger.js';
import type { Limiter } from './limiter.js';
import { countInLine, oldestInLine } from './line.js';
import type { LiveLimits, PermitContext } from './live-limits.js';

export interface LimitFilter {
  /** The name of a limit. */
  limit?: string;
  key?: string;
}

export const LIMIT_FILTER: OptionNames<Required<LimitFilter>> = { limit: true, key: true };
const PAGE = 200;
/** Keys that a list shows at most, and a change of settings goes through. */
const MOST_KEYS = 10_000;
/** Of those that wait for a key, named in a list. */
const MOST_WAITERS = 5;
/** Keys of a list whose waiters are named. To name one its whole message is read; those of one key can be asked for. */
const MOST_NAMED_KEYS = 100;
/** Keys that are counted at once, and whose waiters are read at once: up to 2.5 MiB each. */
const COUNTED_AT_ONCE = 32;
const READ_AT_ONCE = 8;

type Use = <R>(work: (broker: Broker) => Promise<R>) => Promise<R>;

/** `queue.limits`: what is held and waits, and how many permits there are. */
export class JobLimits {
  readonly #use: Use;
  readonly #limiterOf: (broker: Broker) => Limiter;
  readonly #liveOf: (broker: Broker) => LiveLimits;

  /** @internal */
  constructor(use: Use, limiterOf: (broker: Broker) => Limiter, liveOf: (broker: Broker) => LiveLimits) {
    this.#use = use;
    this.#limiterOf = limiterOf;
    this.#liveOf = liveOf;
  }

  /**
   * Every key that has permits held, starts that count, or jobs in line. A key that nobody uses is not kept.
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async list(filter: LimitFilter = {}): Promise<ShownLimit[]> {
    assertOptions('filter', filter, LIMIT_FILTER);
    checkText('limit', filter.limit);
    checkText('key', filter.key);
    return this.#use(async (broker) => {
      const ledgers = await readLedgers(broker, filter);
      const all = await inParts(ledgers, COUNTED_AT_ONCE, (ledger) => counted(broker, ledger));
      const named = all.flatMap(({ waiting }, place) => (waiting > 0 ? [place] : []));
      await inParts(named.slice(0, MOST_NAMED_KEYS), READ_AT_ONCE, async (place) => {
        (all[place] as ShownLimit).waiters = await firstWaiters(broker, ledgers[place] as Ledger);
      });
      return all;
    });
  }

  /** What was set with {@link set}, by the name of the limit. */
  async settings(): Promise<Record<string, LimitSettings>> {
    return this.#use(async (broker) => {
      if (!(await broker.topology.hasStream('limits'))) return {};
      return Object.fromEntries(await this.#limiterOf(broker).settings.all());
    });
  }

  /**
   * Sets how many permits each key of a limit has, for all workers and at once, in place of what their handlers say. Permits that are held
   * stay; a lower number holds for those that come.
   * @throws ValidationError `JETFLEET_LIMIT_INVALID`
   */
  async set(limit: string, settings: LimitSettings): Promise<void> {
    checkLimitName('limit', limit);
    const checked = givenSettings(limit, settings);
    await this.#use((broker) => this.#change(broker, limit, checked));
  }

  /** From now on a limit is again what handlers and workers say. */
  async reset(limit: string): Promise<void> {
    checkLimitName('limit', limit);
    await this.#use((broker) => this.#change(broker, limit, undefined));
  }

  /**
   * Runs a call once there is a permit, as `job.limit` does inside a handler.
   * @param text `<limit>:<key>`
   * @param settings where nothing was set with {@link set}, which comes first
   * @throws what the call throws; JetfleetError `JETFLEET_LIMIT_UNKNOWN`; ValidationError `JETFLEET_LIMIT_INVALID`
   */
  async run<T>(
    text: string,
    call: (permit: PermitContext) => T | Promise<T>,
    settings?: LimitSettings,
  ): Promise<T> {
    parseLimitName(text);
    return this.#use((broker) => {
      const caller = {
        job: `call@${hostname()}-${process.pid}`,
        worker: '',
        priority: JobPriority.NORMAL,
        turn: 'call',
      };
      return this.#liveOf(broker).run(text, settings, caller, call);
    });
  }

  /** Who waits is called where there is room now. */
  async #change(broker: Broker, limit: string, settings: LimitSettings | undefined): Promise<void> {
    const limiter = this.#limiterOf(broker);
    const setAt = await limiter.settings.set(limit, settings);
    if (!settings) return;
    for (const { name, key } of await readLedgers(broker, { limit })) {
      await limiter.ledgers.update([{ name, key }], ([ledger]) => {
        set(ledger as Ledger, { ...settings, setAt });
        return { result: undefined, isChanged: true };
      });
      await limiter.dispatcher.idle({ name, key });
    }
  }
}

/** The ledgers that are stored; none where no limit was ever used. */
export async function readLedgers(broker: Broker, { limit, key }: LimitFilter): Promise<Ledger[]> {
  if (!(await broker.topology.hasStream('limits'))) return [];
  const { read, name } = broker.limits;
  const nowMs = broker.clock.now();
  const found: Ledger[] = [];
  for await (const { data } of read.walk(
    name,
    permitsSubject(broker.subjects, limit ?? ANY, key ?? ANY),
    1,
    PAGE,
  )) {
    const ledger = decodeLedger(data);
    if (!ledger) continue;
    prune(ledger, nowMs);
    found.push(ledger);
    if (found.length >= MOST_KEYS) break;
  }
  return found.sort((a, b) => a.name.localeCompare(b.name) || a.key.localeCompare(b.key));
}

/** Without those that wait. */
async function counted(broker: Broker, ledger: Ledger): Promise<ShownLimit> {
  const nowMs = broker.clock.now();
  const { name, key, concurrency, rate, closedUntil, onTrial, live } = ledger;
  const freeMs = nextFreeAt(ledger, nowMs);
  const isAwaited = waitingIn(ledger) > 0;
  return {
    limit: name,
    key,
    ...(concurrency !== undefined && { concurrency }),
    ...(rate && { rate }),
    held: ledger.held.map(({ job, worker, since, until }) => ({
      jobId: job,
      ...(worker !== '' && { worker }),
      since: timeOf(since),
      until: timeOf(until),
    })),
    started: ledger.starts.reduce((sum, [, count]) => sum + count, 0),
    waiting: isAwaited ? (await countInLine(broker, { name, key })) + live.length : 0,
    waiters: [],
    ...(Number.isFinite(freeMs) && freeMs > nowMs && { nextFreeAt: timeOf(freeMs) }),
    ...(closedUntil !== undefined && { closedUntil: timeOf(closedUntil) }),
    ...(onTrial && { onTrial }),
  };
}

/** Jobs in line, and handlers that wait inside a call. */
async function firstWaiters(broker: Broker, { name, key, waiting, live }: Ledger): Promise<ShownWaiter[]> {
  const found: ShownWaiter[] = [];
  for (const [place, priority] of PRIORITIES.entries()) {
    const calls = live.filter((waiter) => waiter.priority === place);
    const isInLine = waiting.some(({ counts }) => (counts[place] ?? 0) > 0);
    const jobs = isInLine ? await oldestInLine(broker, { name, key }, place, MOST_WAITERS) : [];
    const all = [
      ...calls.map(({ job, since }) => ({ jobId: job, sinceMs: since })),
      ...jobs.map(({ id, message }) => ({ jobId: id, sinceMs: message.timeMs })),
    ].sort((one, other) => one.sinceMs - other.sinceMs);
    found.push(...all.map(({ jobId, sinceMs }) => ({ jobId, priority, since: timeOf(sinceMs) })));
    if (found.length >= MOST_WAITERS) break;
  }
  return found.slice(0, MOST_WAITERS);
}

function timeOf(ms: number): string {
  return new Date(ms).toISOString();
}

import type { Broker } from '../../broker/broker.js';
import { checkedSettings, type LimitSettings, type NeededPermit } from '../../jobs/limit.js';
import type { Logger } from '../../telemetry/logger.js';
import { limitSettingsSubject, limitsChangedSubject } from '../../wire/limit-subjects.js';
import { ANY } from '../../wire/subjects.js';

/** What somebody has set for a limit, or that nobody has. */
type Setting = LimitSettings | undefined;

const MOST = 1_000;
const PAGE = 200;
const decoder = new TextDecoder();

/**
 * What `queue.limits.set` has said of limits, in place of what their workers say: one message of LIMITS for each. A process reads it once, and
 * again when a notice says that it was changed, or after a reconnect.
 */
export class LimitSettingsStore {
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #known = new Map<string, Promise<Setting>>();
  readonly #detach: (() => void)[];

  constructor(broker: Broker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
    this.#detach = [
      broker.notices.hear(limitsChangedSubject(broker.subjects), ({ set }) => {
        if (typeof set === 'string') this.#known.delete(set);
      }),
      broker.onConnection((change) => {
        if (change === 'back') this.#known.clear();
      }),
    ];
  }

  /** Needs with the settings that hold now. */
  async current(needs: readonly NeededPermit[]): Promise<readonly NeededPermit[]> {
    const settings = needs.map(({ name }) => this.#settingOf(name));
    return Promise.all(
      needs.map(async (need, index) => {
        const set = await settings[index];
        if (!set) return need;
        const { concurrency: _, rate: __, ...rest } = need;
        return { ...rest, ...set };
      }),
    );
  }

  async get(name: string): Promise<Setting> {
    return this.#settingOf(name);
  }

  /** @param settings undefined for what its workers say */
  async set(name: string, settings: Setting): Promise<void> {
    const subject = limitSettingsSubject(this.#broker.subjects, name);
    const store = this.#broker.limits;
    await store.commit([{ subject, data: JSON.stringify({ name, ...settings }) }]);
    this.#known.delete(name);
    this.#broker.notices.tell(limitsChangedSubject(this.#broker.subjects), { set: name });
  }

  /** All that were set. */
  async all(): Promise<Map<string, LimitSettings>> {
    const store = this.#broker.limits;
    const found = new Map<string, LimitSettings>();
    for await (const { data } of store.read.walk(
      store.name,
      limitSettingsSubject(this.#broker.subjects, ANY),
      1,
      PAGE,
    )) {
      const { name, settings } = settingIn(data);
      if (name !== undefined && settings) found.set(name, settings);
    }
    return found;
  }

  stop(): void {
    for (const detach of this.#detach.splice(0)) detach();
    this.#known.clear();
  }

  #settingOf(name: string): Promise<Setting> {
    const known = this.#known.get(name);
    if (known) return known;
    const reading = this.#read(name);
    if (this.#known.size >= MOST) this.#known.clear();
    this.#known.set(name, reading);
    reading.catch((err) => {
      this.#known.delete(name);
      this.#logger.debug({ err, limit: name }, 'cannot read what was set for a limit');
    });
    return reading;
  }

  async #read(name: string): Promise<Setting> {
    const store = this.#broker.limits;
    const message = await store.read.last(store.name, limitSettingsSubject(this.#broker.subjects, name));
    const setting = message && settingIn(message.data);
    return setting?.name === name ? setting.settings : undefined;
  }
}

function settingIn(data: Uint8Array): { name?: string; settings?: Setting } {
  try {
    const { name, concurrency, rate } = JSON.parse(decoder.decode(data));
    if (typeof name !== 'string') return {};
    const isSet = concurrency !== undefined || rate !== undefined;
    return { name, ...(isSet && { settings: checkedSettings(name, { concurrency, rate }) }) };
  } catch {
    return {};
  }
}

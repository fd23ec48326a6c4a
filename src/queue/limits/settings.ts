import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../../broker/broker.js';
import { forgetOldest } from '../../jobs/forget-oldest.js';
import { checkedSettings, type LimitSettings, type NeededPermit } from '../../jobs/limit.js';
import type { Logger } from '../../telemetry/logger.js';
import { limitSettingsSubject, limitsChangedSubject } from '../../wire/limit-subjects.js';
import type { LimitSetting, LimitsNotice } from '../../wire/notice-messages.js';
import { ANY } from '../../wire/subjects.js';

/** What somebody has set for a limit, or that it is again what its workers say. */
interface Setting {
  settings?: LimitSettings;
  /** Its sequence: of two, the later one holds. 0 where nobody has set it. */
  setAt: number;
}

const MOST = 1_000;
const PAGE = 200;
const MOST_LOOKS = 20;
const LOOK_AGAIN_MS = 50;
const decoder = new TextDecoder();

/**
 * What `queue.limits.set` has said of limits, in place of what their workers say: one message of LIMITS for each. A process reads it once, and
 * again when a notice says that it was changed, or after a reconnect. Whoever has missed it is told by the ledgers, which know of which setting they are.
 */
export class LimitSettingsStore {
  readonly #broker: Broker;
  readonly #logger: Logger;
  readonly #known = new Map<string, Promise<Setting>>();
  /** The sequences that notices have named. */
  readonly #heard = new Map<string, number>();
  readonly #detach: (() => void)[];

  constructor(broker: Broker, logger: Logger) {
    this.#broker = broker;
    this.#logger = logger;
    this.#detach = [
      broker.notices.hear(limitsChangedSubject(broker.subjects), ({ set, setAt }) => {
        if (typeof set !== 'string') return;
        if (typeof setAt === 'number') this.#heard.set(set, Math.max(setAt, this.#heard.get(set) ?? 0));
        forgetOldest(this.#heard, MOST);
        this.#known.delete(set);
      }),
      broker.onConnection((change) => {
        if (change !== 'back') return;
        this.#known.clear();
        this.#heard.clear();
      }),
    ];
  }

  /** Needs with the settings that hold now. */
  async current(needs: readonly NeededPermit[]): Promise<readonly NeededPermit[]> {
    const settings = needs.map(({ name }) => this.#settingOf(name));
    return Promise.all(
      needs.map(async (need, index) => {
        const { settings: set, setAt } = (await settings[index]) as Setting;
        if (setAt === 0) return need;
        if (!set) return { ...need, setAt };
        const { concurrency: _, rate: __, ...rest } = need;
        return { ...rest, ...set, setAt };
      }),
    );
  }

  async get(name: string): Promise<LimitSettings | undefined> {
    return (await this.#settingOf(name)).settings;
  }

  /**
   * @param settings undefined for what its workers say
   * @returns its sequence
   */
  async set(name: string, settings: LimitSettings | undefined): Promise<number> {
    const subject = limitSettingsSubject(this.#broker.subjects, name);
    const store = this.#broker.limits;
    const setting: LimitSetting = { name, ...settings };
    const [seq = 0] = await store.commit([{ subject, data: JSON.stringify(setting) }]);
    this.#known.delete(name);
    const notice: LimitsNotice = { set: name, setAt: seq };
    this.#broker.notices.tell(limitsChangedSubject(this.#broker.subjects), notice);
    return seq;
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
    const subject = limitSettingsSubject(this.#broker.subjects, name);
    for (let looks = 1; ; looks++) {
      const message = await store.read.last(store.name, subject);
      const setAt = message?.seq ?? 0;
      // A replica may be behind the notice that it was set.
      if (setAt < (this.#heard.get(name) ?? 0) && looks < MOST_LOOKS) {
        await delay(LOOK_AGAIN_MS);
        continue;
      }
      const { name: named, settings } = message ? settingIn(message.data) : {};
      return { setAt, ...(named === name && settings && { settings }) };
    }
  }
}

function settingIn(data: Uint8Array): { name?: string; settings?: LimitSettings } {
  try {
    const { name, concurrency, rate } = JSON.parse(decoder.decode(data));
    if (typeof name !== 'string') return {};
    const isSet = concurrency !== undefined || rate !== undefined;
    return { name, ...(isSet && { settings: checkedSettings(name, { concurrency, rate }) }) };
  } catch {
    return {};
  }
}

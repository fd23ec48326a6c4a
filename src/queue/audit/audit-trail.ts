import type { Broker } from '../../broker/broker.js';
import type { StoredMessage } from '../../broker/read/direct-read.js';
import type { AuditAction, AuditEntry, AuditPage } from '../../jobs/audit.js';
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';
import { MAX_AUDIT_BYTES } from '../../jobs/limits.js';
import { checkedTime, checkInteger } from '../../jobs/numbers.js';
import { assertOptions, checkText, type OptionNames } from '../../jobs/options.js';
import { decodeAction, encodeAction } from '../../wire/audit-message.js';

/** Which actions to list. What is left out fits each. */
export interface AuditFilter {
  /** Only those of this token, by its name. */
  by?: string;
  /** Only those of this kind: `jobs/{id}/cancel`. */
  action?: string;
  /** Only those at this time or later. */
  since?: Date | string;
  /** Most entries on a page, 1 to 1,000. Defaults to 100. */
  limit?: number;
  /** Where the page before ended. */
  cursor?: string;
}

export const AUDIT_FILTER: OptionNames<Required<AuditFilter>> = {
  by: true,
  action: true,
  since: true,
  limit: true,
  cursor: true,
};

const PAGE = 500;
/** A filter that few actions fit ends its page short, with a cursor. */
const MOST_READ = 5_000;

/** `queue.audit`: who did what, as far as it was done over HTTP, where tokens say who it was. */
export class AuditTrail {
  readonly #use: <R>(work: (broker: Broker) => Promise<R>) => Promise<R>;

  /** @internal */
  constructor(use: <R>(work: (broker: Broker) => Promise<R>) => Promise<R>) {
    this.#use = use;
  }

  /**
   * Writes an action down; the first one makes the stream AUDIT.
   * @internal
   */
  async add(action: AuditAction): Promise<void> {
    const { asked, ...short } = action;
    const whole = encodeAction(action);
    const data = Buffer.byteLength(whole) <= MAX_AUDIT_BYTES ? whole : encodeAction(short);
    await this.#use(async (broker) => {
      await broker.extra.of('audit').append({ subject: broker.subjects.audit(), data });
    });
  }

  /**
   * The last actions, newest first: those of 90 days, and 100,000 at most.
   * @throws ValidationError `JETFLEET_OPTION_INVALID`
   */
  async list(filter: AuditFilter = {}): Promise<AuditPage> {
    assertOptions('filter', filter, AUDIT_FILTER);
    const { by, action, since, limit = 100, cursor } = filter;
    checkText('by', by);
    checkText('action', action);
    checkInteger('limit', limit, 1, 1_000);
    checkText('cursor', cursor);
    if (cursor !== undefined && !/^\d{1,15}$/.test(cursor))
      throw invalidOption(`cursor ${quoted(cursor)} is not of this list; pass the one of the page before`);
    const sinceMs = since === undefined ? 0 : checkedTime('since', since);
    const fits = (entry: AuditEntry) =>
      (by === undefined || entry.by === by) && (action === undefined || entry.action === action);
    const from = cursor === undefined ? Number.POSITIVE_INFINITY : Number(cursor);
    return this.#use((broker) => listed(broker, { fits, from, limit, sinceMs }));
  }
}

interface Query {
  fits: (entry: AuditEntry) => boolean;
  from: number;
  limit: number;
  sinceMs: number;
}

async function listed(broker: Broker, { fits, from, limit, sinceMs }: Query): Promise<AuditPage> {
  const entries: AuditEntry[] = [];
  let before = from;
  for (let read = 0; read < MOST_READ; ) {
    const page = await broker.extra
      .of('audit')
      .find<StoredMessage[]>([], (reader, stream) =>
        reader.pageBefore(stream, broker.subjects.audit(), before, PAGE),
      );
    for (const message of page) {
      if (message.timeMs < sinceMs) return { entries };
      const action = decodeAction(message.data);
      const entry = action && { seq: message.seq, at: new Date(message.timeMs).toISOString(), ...action };
      if (!entry || !fits(entry)) continue;
      if (entries.length === limit) return { entries, cursor: String(message.seq) };
      entries.push(entry);
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return { entries };
    before = last.seq - 1;
    read += page.length;
  }
  return { entries, cursor: String(before) };
}

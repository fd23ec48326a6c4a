/** Entries as messages of LEDGER. Any worker may write there, so that each is checked. */

import { z } from 'zod';
import { isTime } from '../jobs/guards.js';
import { derivedEntry } from './derived-entry.js';
import { BILLED_STATES, LEDGER_ENDS, type LedgerEntry, type StoredEntry } from './ledger-entry.js';
import { compareFacts } from './noted-entry.js';

const decoder = new TextDecoder();

/** Times are compared as text. */
const time = z
  .string()
  .regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/)
  .refine((text) => isTime(text));
const midnight = time.refine((text) => text.endsWith('T00:00:00.000Z'));
const day = z.string().regex(/^\d{4}-\d\d-\d\d$/);
const amount = z.number().int().min(0);
const text = z.string().optional();

const facts = <T extends z.ZodRawShape>(shape: T) => z.array(z.object({ at: time, ...shape }));

const storedEntry = z.looseObject({
  v: z.literal(1),
  ...{ provider: z.string(), account: z.string(), id: z.string(), novitaInstanceId: z.string() },
  ...{ name: text, instanceId: text, jobId: text, owner: text },
  ...{ region: text, productId: text, billingMode: text, gpuNum: z.number().optional() },
  tags: z.array(z.string()),
  billedMs: z.number().int().min(1),
  rentedAt: time,
  seen: z.object({
    states: facts({ state: z.enum(BILLED_STATES) }),
    prices: facts({ pricePerHour: amount }),
    ends: facts({ provenAt: time, end: z.enum(LEDGER_ENDS) }),
    interruptedAt: time.optional(),
  }),
  earlier: z
    .object({
      until: midnight,
      days: z.record(day, z.string().regex(/^\d{1,40}$/)),
      unpricedMs: z.record(day, amount),
      runFrom: time.optional(),
    })
    .optional(),
});

/** Undefined for what is no entry, such as the empty message that an entry leaves which has moved. */
export function decodeEntry(data: Uint8Array): LedgerEntry | undefined {
  if (data.length === 0) return undefined;
  try {
    const entry = storedEntry.parse(JSON.parse(decoder.decode(data))) as StoredEntry;
    const { states, prices, ends } = entry.seen;
    for (const each of [states, prices, ends]) (each as { at: string }[]).sort(compareFacts);
    return derivedEntry(entry);
  } catch {
    return undefined;
  }
}

export function encodeEntry({ changes: _, ...stored }: LedgerEntry): string {
  return JSON.stringify(stored);
}

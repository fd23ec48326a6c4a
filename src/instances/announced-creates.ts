/** The creates that a job has sent, on its record before each is sent: whoever finds the instance knows what it costs. */

import type { GpuProvider, Instance, Offer } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';
import { isCount, isTime } from '../jobs/guards.js';
import { textField } from '../jobs/text-field.js';

export interface AnnouncedCreate {
  provider: string;
  /** Of the provider, where it has a name. */
  account?: string;
  region: string;
  productId: string;
  billingMode: string;
  pricePerHour: number;
  billedMs?: number;
  /** ISO 8601. */
  sentAt: string;
}

/** Most creates that a record keeps: the latest. */
const MAX_ANNOUNCED = 20;
/** The clock of a provider may be so much behind ours. */
const CLOCK_MS = 5_000;

export function announcedCreate(
  { name: provider, account, capabilities: { billedMs } }: GpuProvider,
  { region, productId, billingMode, pricePerHour }: Offer,
  sentAt: string,
): AnnouncedCreate {
  return {
    provider,
    region,
    productId,
    billingMode,
    pricePerHour,
    sentAt,
    ...defined({ account, billedMs }),
  };
}

/** Those of a checkpoint that one more create is added to. */
export function announcedWith(
  earlier: readonly AnnouncedCreate[],
  create: AnnouncedCreate,
): AnnouncedCreate[] {
  return [...earlier, create].slice(-MAX_ANNOUNCED);
}

/** The creates that a job has sent, the oldest first, as its checkpoint says that any worker may have written. */
export function announcedIn(checkpoint: unknown): AnnouncedCreate[] {
  const { sent } = Object(checkpoint) as { sent?: unknown };
  return Array.isArray(sent) ? sent.filter(isAnnounced) : [];
}

function isAnnounced(value: unknown): value is AnnouncedCreate {
  const { pricePerHour, billedMs, sentAt } = Object(value) as Partial<Record<keyof AnnouncedCreate, unknown>>;
  const isBilled = billedMs === undefined || (isCount(billedMs) && billedMs > 0);
  const hasAll = TEXTS.every((name) => textField(value, name) !== undefined);
  const isNamed = textField({ account: '', ...Object(value) }, 'account') !== undefined;
  return isCount(pricePerHour) && isBilled && isTime(sentAt) && hasAll && isNamed;
}

const TEXTS = ['provider', 'region', 'productId', 'billingMode'] as const;

/** What is known of an instance for which one of several creates was sent. */
export interface RentedAs {
  /** The provider that its id names. */
  provider: string | undefined;
  /** Whether the last create was answered with its id. */
  isLast: boolean;
  /** As its provider shows it. */
  shown: Instance | undefined;
}

/** The create that has rented an instance, as far as its id and its provider say; else the first that may have. */
export function createOf(
  sent: readonly AnnouncedCreate[],
  { provider, isLast, shown }: RentedAs,
): AnnouncedCreate | undefined {
  if (isLast) return sent.at(-1);
  const ofProvider = sent.filter((each) => provider === undefined || each.provider === provider);
  const fitting = narrowed(
    narrowed(ofProvider, ({ region }) => region === shown?.region),
    ({ productId }) => productId === shown?.productId,
  );
  const createdMs = Date.parse(shown?.createdAt ?? '');
  return fitting.findLast(({ sentAt }) => Date.parse(sentAt) <= createdMs + CLOCK_MS) ?? fitting[0];
}

/** Those that fit, or all where none does: not each provider shows what it was asked for in the same words. */
function narrowed(creates: AnnouncedCreate[], fits: (create: AnnouncedCreate) => boolean): AnnouncedCreate[] {
  const fitting = creates.filter(fits);
  return fitting.length > 0 ? fitting : creates;
}

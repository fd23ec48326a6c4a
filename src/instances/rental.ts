/** What is known of an instance that was rented: by the record of its create job, and by what its provider shows. */
import type { Broker } from '../broker/broker.js';
import { ownId, qualifiedId } from '../gpu/instance-home.js';
import type { GpuProvider, Instance } from '../gpu/provider.js';
import { defined } from '../jobs/defined.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobRecord } from '../jobs/job-record.js';
import { textField } from '../jobs/text-field.js';
import type { Rental } from '../money/ledger-entry.js';
import { isoTime } from '../money/noted-entry.js';
import { announcedIn, createOf } from './announced-creates.js';
import { instanceNameOf } from './jobs.js';

/** What is billed of an instance whose provider says nothing of it: whole seconds. */
const DEFAULT_BILLED_MS = 1_000;
/** The account of a provider that names none. */
export const DEFAULT_ACCOUNT = 'default';
/** From a create job to the first job of its operation. */
const MAX_HOPS = 100;

export interface SeenInstance {
  novitaInstanceId: string;
  parts: readonly GpuProvider[];
  /** As its provider shows it, where it was asked. */
  shown?: Instance | undefined;
  /** The name under which it was rented; null where that may be one of another life of its job. Defaults to that of the present one. */
  name?: string | null | undefined;
}

/** By the record of the create job, whose checkpoint was written before each create was sent. What its provider shows is asked where that leaves it open. */
export function rentalOf(creator: JobRecord, { owner, ...seen }: SeenInstance & { owner: string }): Rental {
  const { payload, result, checkpoint, id: jobId, tags = [], updatedAt, createdAt } = creator;
  const { novitaInstanceId, parts, shown } = seen;
  const home = homePart(novitaInstanceId, parts);
  // Another life of the job has sent its own creates. Nothing of these is kept.
  const { name = instanceNameOf(creator) } = shown ?? seen;
  const isOfThisLife = name !== null && name === instanceNameOf(creator);
  const sent = isOfThisLife
    ? createOf(announcedIn(checkpoint), {
        provider: home?.name,
        isLast: isCreatedLast(creator, novitaInstanceId),
        shown,
      })
    : undefined;
  // A record of an earlier version does not say when.
  const otherwise = isOfThisLife ? updatedAt : createdAt;
  const { gpuNum } = Object(payload) as { gpuNum?: unknown };
  const field = (name: 'region' | 'productId') =>
    sent?.[name] ?? textField(shown, name) ?? textField(result, name);
  return {
    ...placeOf(seen, sent),
    jobId,
    owner,
    tags: [...tags],
    rentedAt: isoTime(sent?.sentAt ?? shown?.createdAt ?? '') ?? otherwise,
    pricePerHour: sent?.pricePerHour ?? shown?.pricePerHour ?? null,
    ...defined({
      name: name ?? undefined,
      instanceId: textField(payload, 'instanceId'),
      region: field('region'),
      productId: field('productId'),
      billingMode: sent?.billingMode,
      gpuNum: typeof gpuNum === 'number' ? gpuNum : undefined,
    }),
  };
}

/** Of an instance that is proven to be ours, and of whose create job there is no record any more. */
export function unownedRental(
  shown: Instance,
  { seenAt, ...seen }: SeenInstance & { seenAt: string },
): Rental {
  const { name, gpuNum, pricePerHour = null, createdAt = '' } = shown;
  return {
    ...placeOf(seen, undefined),
    name,
    tags: [],
    rentedAt: isoTime(createdAt) ?? seenAt,
    pricePerHour,
    ...defined({ region: textField(shown, 'region'), productId: textField(shown, 'productId'), gpuNum }),
  };
}

/** The id of the first job of an operation: the one that follows from no other. */
export async function firstOf(broker: Broker, creator: JobRecord): Promise<string> {
  let first = creator;
  for (let hops = 0; hops < MAX_HOPS && isJobId(first.parentId); hops++) {
    const parent: JobRecord | undefined = (await broker.lastEvent(first.parentId as string))?.record;
    if (!parent) return first.parentId as string;
    first = parent;
  }
  return first.id;
}

/** Whether the provider answered the last create of a job with this id. */
export function isCreatedLast({ result }: JobRecord, novitaInstanceId: string): boolean {
  const { adopted } = Object(result) as { adopted?: unknown };
  return adopted === false && textField(result, 'novitaInstanceId') === novitaInstanceId;
}

/** The provider that an id names comes before all that a record says. */
function homePart(novitaInstanceId: string, parts: readonly GpuProvider[]): GpuProvider | undefined {
  return parts.find(({ name }) => novitaInstanceId.startsWith(qualifiedId(name, '')));
}

function placeOf(
  { novitaInstanceId, parts }: SeenInstance,
  sent: { provider: string; account?: string; billedMs?: number } | undefined,
): Pick<Rental, 'provider' | 'account' | 'id' | 'novitaInstanceId' | 'billedMs'> {
  const home = homePart(novitaInstanceId, parts);
  const provider = home?.name ?? sent?.provider ?? parts[0]?.name ?? DEFAULT_ACCOUNT;
  const part = parts.find(({ name }) => name === provider);
  return {
    provider,
    account: sent ? (sent.account ?? DEFAULT_ACCOUNT) : (part?.account ?? DEFAULT_ACCOUNT),
    id: ownId(provider, novitaInstanceId),
    novitaInstanceId,
    billedMs: sent?.billedMs ?? part?.capabilities.billedMs ?? DEFAULT_BILLED_MS,
  };
}

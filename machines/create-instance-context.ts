import type { CreateInstancePayload, CreateInstanceResult } from '../src/instances/schemas.js';
import { defined } from '../src/jobs/defined.js';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import type { JobOutcome } from '../src/jobs/outcome.js';
import { emptyInput, type RunInput } from './run-input.js';

/** What the chart needs to know of something that can be rented; the worker's own offers carry more. */
export interface Offer {
  productId: string;
  region: string;
}

export interface FoundInstance {
  id: string;
}

export interface CreateInstanceContext {
  input: RunInput<CreateInstancePayload>;
  instanceName: string;
  /** An earlier create may have been carried out. */
  outcomeUnknown: boolean;
  lookUps: number;
  unknownCreates: number;
  /** Offers not yet refused, the present one first; undefined until resolved. */
  offers?: Offer[];
  found: string[];
  created?: string;
  error?: JobErrorInfo;
}

export function contextOf(input: RunInput<CreateInstancePayload> | undefined): CreateInstanceContext {
  const given = input ?? emptyInput<CreateInstancePayload>();
  const checkpoint = given.checkpoint as { instanceName?: unknown } | null | undefined;
  const instanceName = typeof checkpoint?.instanceName === 'string' ? checkpoint.instanceName : '';
  return {
    input: given,
    instanceName,
    outcomeUnknown: instanceName !== '',
    lookUps: 0,
    unknownCreates: 0,
    found: [],
  };
}

export function noCapacity({ productName, region, regions = [] }: CreateInstancePayload): JobErrorInfo {
  const message = `No offer of ${productName} in ${[region, ...regions].join(', ')}`;
  return { code: 'JETFLEET_PROVIDER_CAPACITY', message, retryable: true };
}

export function outcomeOf(context: CreateInstanceContext): JobOutcome {
  const { input, created, found, offers, error } = context;
  const novitaInstanceId = created ?? found[0];
  if (error || novitaInstanceId === undefined) {
    return { kind: 'failed', error: error ?? noCapacity(input.payload) };
  }
  const { instanceId, maxWaitTime, onTimeout } = input.payload;
  const webhookUrl = input.payload.webhookUrl ?? input.webhookUrl;
  const offer = created === undefined ? undefined : offers?.[0];
  const duplicates = created === undefined ? found.slice(1) : [];
  const result: CreateInstanceResult = {
    novitaInstanceId,
    ...(offer && { region: offer.region, productId: offer.productId }),
    adopted: created === undefined,
    ...(duplicates.length > 0 && { duplicates }),
  };
  const startTime = input.now;
  const payload = defined({ instanceId, novitaInstanceId, startTime, maxWaitTime, webhookUrl, onTimeout });
  const deletes = duplicates.map((id, index) => ({
    type: 'delete_instance',
    idSuffix: `delete-${index + 1}`,
    payload: { instanceId, novitaInstanceId: id },
  }));
  return {
    kind: 'completed',
    result,
    next: [{ type: 'monitor_instance', idSuffix: 'monitor', payload }, ...deletes],
  };
}

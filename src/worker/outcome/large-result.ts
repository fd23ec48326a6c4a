import { BrokerError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import { MAX_RESULT_BYTES } from '../../jobs/limits.js';
import type { Transition } from '../../queue/transition-record.js';
import type { WorkerServices } from '../worker-services.js';
import { persistently } from './job-writes.js';

/**
 * A result that is too large for the record is stored as an object first, and the record refers to it. One that is too large for that as well,
 * or has no JSON form, is left: it fails the job.
 */
export function withStoredResult(
  services: WorkerServices,
  record: JobRecord,
  transition: Transition,
): Transition | Promise<Transition> {
  const { objects } = services.broker.extra;
  const { outcome } = transition;
  if (objects.maxBytes === 0 || outcome?.kind !== 'completed' || outcome.result === undefined)
    return transition;
  const text = jsonOf(outcome.result);
  const bytes = text === undefined ? 0 : Buffer.byteLength(text);
  if (text === undefined || !objects.takes(bytes, MAX_RESULT_BYTES)) return transition;
  return stored(services, record, text).then(
    (result) => ({ ...transition, outcome: { ...outcome, result } }),
    (error) => {
      if (error instanceof BrokerError) throw error;
      return transition;
    },
  );
}

async function stored({ broker, logger, onFailpoint }: WorkerServices, record: JobRecord, text: string) {
  const reference = await persistently(logger, () => broker.extra.objects.put(record, 'result', text));
  await onFailpoint?.('result.stored', record.id);
  return reference;
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined;
  }
}

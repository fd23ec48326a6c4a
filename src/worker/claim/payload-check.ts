import type { Broker } from '../../broker/broker.js';
import { copyJson } from '../../jobs/copy-json.js';
import type { ValidationError } from '../../jobs/errors.js';
import { payloadInTime } from '../../jobs/schema.js';
import type { RegisteredHandler } from '../job-handler.js';

/** A payload as its schema gives it, or why the job is refused. */
export interface CheckedPayload {
  payload: unknown;
  error?: ValidationError;
}

/**
 * At once where the schema can: most of what a short job costs is promises. Never throws. Schema and handler get a copy, which they
 * may change.
 */
export function checkedPayload(
  { type, payload: schema }: RegisteredHandler,
  payload: unknown,
): CheckedPayload | Promise<CheckedPayload> {
  const copy = copyJson(payload);
  if (!schema) return { payload: copy };
  const refuse = (error: ValidationError) => ({ payload: copyJson(payload), error });
  try {
    const checked = payloadInTime(type, schema, copy);
    return checked instanceof Promise
      ? checked.then((later) => ({ payload: later }), refuse)
      : { payload: checked };
  } catch (error) {
    return refuse(error as ValidationError);
  }
}

/** The same of a payload that may be an object. @throws ValidationError `JETFLEET_OBJECT_LOST`, `JETFLEET_SEALED`; BrokerError */
export async function loadedPayload(
  { extra: { objects } }: Broker,
  handler: RegisteredHandler,
  id: string,
  payload: unknown,
): Promise<CheckedPayload> {
  return checkedPayload(handler, await objects.resolve({ id, type: handler.type }, payload));
}

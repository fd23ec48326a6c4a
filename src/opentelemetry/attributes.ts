/** The attributes of spans and metrics, by the semantic conventions for messaging where these have one. */
import type { Attributes } from '@opentelemetry/api';

/** Of the tracer and the meter. */
export const NAME = 'jetfleet';

export const SYSTEM = { 'messaging.system': 'nats' } as const;

/** Where a job goes, without its namespace: that is a resource of the process. */
export function destination(type: string, priority = 'normal'): Attributes {
  return {
    'messaging.destination.name': `jobs.${priority}.${type}`,
    'messaging.destination.template': 'jobs.{priority}.{type}',
  };
}

/** `error.type`: the code of an error, else the name of its class. */
export function errorType(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  return typeof name === 'string' ? name : 'Error';
}

/** The attributes of spans and metrics, by the semantic conventions for messaging where these have one. */
import type { Attributes } from '@opentelemetry/api';
import type { TracedJobs } from '../telemetry/tracing.js';

/** Of the tracer and the meter. */
export const NAME = 'jetfleet';

export const SYSTEM = { 'messaging.system': 'nats' } as const;

/** Where a job goes, without its namespace: that is a resource of the process. */
export function destination({ stream, priority, type }: Omit<TracedJobs, 'count'>): Attributes {
  return {
    'messaging.destination.name': `${stream}.${priority}.${type}`,
    'messaging.destination.template': `${stream}.{priority}.{type}`,
  };
}

const MAX_TYPE_CHARACTERS = 100;

/** `error.type`: the code of an error, else the name of its class. */
export function errorType(error: unknown): string {
  const { code, name } = Object(error) as { code?: unknown; name?: unknown };
  const type = [code, name].find((each) => typeof each === 'string' && each !== '') ?? 'Error';
  return String(type).slice(0, MAX_TYPE_CHARACTERS);
}

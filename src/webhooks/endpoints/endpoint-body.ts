/** What of a webhook goes over the wire, in the shape that its endpoint wants. */
import { textField } from '../../jobs/text-field.js';
import type { EndpointFormat } from './endpoint.js';

export interface EndpointBody {
  body: string;
  contentType?: string;
  headers?: Record<string, string>;
}

const MAX_SUBJECT = 200;

/**
 * CloudEvents 1.0 of a webhook: `type`, `time` and `data` are those of its payload, `id` is its webhook-id, `subject` the instance or the
 * job. One without that shape is the `data` of an event of the type `webhook`.
 * @param source where it comes from, a URI reference
 */
export function endpointBody(
  format: EndpointFormat,
  payload: unknown,
  id: string,
  source: string,
): EndpointBody {
  if (format === 'standard') return { body: JSON.stringify(payload) };
  const given = Object(payload) as { data?: unknown; sequence?: unknown };
  const type = textField(payload, 'type') || undefined;
  const data = type === undefined ? payload : (given.data ?? null);
  const time = textField(payload, 'timestamp');
  const subject = textField(data, 'instanceId') || textField(data, 'jobId') || textField(data, 'endpointId');
  const attributes: Record<string, string> = {
    specversion: '1.0',
    id,
    source,
    type: type ?? 'webhook',
    ...(time && { time }),
    ...(subject && { subject: subject.slice(0, MAX_SUBJECT) }),
    // An extension attribute of CloudEvents, a text.
    ...(typeof given.sequence === 'number' && { sequence: String(given.sequence) }),
  };
  if (format === 'cloudevents') {
    const event = { ...attributes, datacontenttype: 'application/json', data };
    return { body: JSON.stringify(event), contentType: 'application/cloudevents+json' };
  }
  const headers = Object.entries(attributes).map(([name, value]) => [`ce-${name}`, escaped(value)]);
  return { body: JSON.stringify(data), headers: Object.fromEntries(headers) };
}

/** As the HTTP binding of CloudEvents has it: percent-encoded outside of printable ASCII, and blanks, quotes and the percent sign. */
function escaped(value: string): string {
  return value.replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, encodeURIComponent);
}

/** The one place that decides what of a job's data people and other programs may see. */
import { isSealed, SEALED } from './codec.js';
import { isSecretName, MASK, maskText } from './mask-text.js';

/** Request headers whose values are shown; those of any other may be secrets. */
const SHOWN_HEADERS: ReadonlySet<string> = new Set([
  ...['accept', 'accept-encoding', 'accept-language', 'cache-control', 'connection', 'content-encoding'],
  ...['content-language', 'content-length', 'content-type', 'date', 'host', 'user-agent'],
  ...['traceparent', 'x-request-id', 'x-correlation-id', 'x-tenant', 'x-tenant-id'],
  ...['webhook-id', 'webhook-timestamp'],
]);
/** JSON from outside is no deeper; what is cannot be shown. */
const MAX_DEPTH = 128;

/**
 * A copy of JSON without secrets: values whose name sounds like one, also those of `{name, value}` and `{key, value}` pairs;
 * values of headers, in any form, but for a few harmless ones; and what {@link maskText} finds in texts.
 */
export function maskSecrets(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return maskText(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth > MAX_DEPTH) return MASK;
  if (Array.isArray(value)) return maskList(value, depth);
  if (isSealed(value)) return `${MASK} sealed by ${value[SEALED].slice(0, 100)}`;
  return maskEntries(value as Record<string, unknown>, depth);
}

/** What is wrong with a value that was read where secrets are masked: it would lose them if it were stored. */
export function maskFault(value: unknown): string | undefined {
  if (value === undefined || !JSON.stringify(value).includes(MASK)) return undefined;
  return `holds ${MASK}, which stands for a secret that is not shown; give the secret itself`;
}

/** A list of two can be a name and its value. */
function maskList(list: unknown[], depth: number): unknown[] {
  const [name, value] = list;
  if (list.length === 2 && typeof name === 'string' && isSecretName(name, value))
    return [maskText(name), hidden(value)];
  return list.map((item) => maskSecrets(item, depth + 1));
}

function maskEntries(value: Record<string, unknown>, depth: number): Record<string, unknown> {
  const isSecretPair = pairNames(value).some((name) => isSecretName(name));
  const entries = Object.entries(value).map(([name, item]): [string, unknown] => {
    const shownName = maskText(name);
    if (isPairValue(name) && isSecretPair) return [shownName, hidden(item)];
    if (isSecretName(name, item)) return [shownName, hidden(item)];
    if (isHeaders(name)) return [shownName, maskHeaders(item)];
    return [shownName, maskSecrets(item, depth + 1)];
  });
  return Object.fromEntries(entries);
}

function isHeaders(name: string): boolean {
  return /(headers?|hdrs?)(list|map|array|pairs)?$/i.test(name.replaceAll(/[-_.\s]/g, ''));
}

/** Headers as an object, as pairs, as `{name, value}`, as a flat list, as lines or as one text. */
function maskHeaders(headers: unknown): unknown {
  if (typeof headers === 'string') return headers.split(/\r?\n/).map(maskHeaderLine).join('\n');
  if (Array.isArray(headers)) return headers.map(maskHeaderItem);
  if (typeof headers !== 'object' || headers === null) return headers;
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [maskText(name), maskHeader(name, value)]),
  );
}

function maskHeaderItem(item: unknown): unknown {
  if (typeof item === 'string') return maskHeaderLine(item);
  if (Array.isArray(item)) {
    const [name, ...values] = item as unknown[];
    return [
      typeof name === 'string' ? maskText(name) : hidden(name),
      ...values.map((value) => maskHeader(name, value)),
    ];
  }
  if (typeof item !== 'object' || item === null) return hidden(item);
  const [name] = pairNames(item as Record<string, unknown>);
  if (name === undefined) return maskHeaders(item);
  return Object.fromEntries(
    Object.entries(item).map(([key, value]) => [
      key,
      isPairValue(key) ? maskHeader(name, value) : maskText(String(value)),
    ]),
  );
}

/** What has no colon may be a name or a value. */
function maskHeaderLine(line: string): string {
  const colon = line.indexOf(':', 1);
  if (colon < 0) return line.trim() === '' || isShownHeader(line) ? line : MASK;
  const name = line.slice(0, colon);
  return isShownHeader(name) ? maskText(line) : `${maskText(name)}: ${MASK}`;
}

function maskHeader(name: unknown, value: unknown): unknown {
  return typeof name === 'string' && isShownHeader(name) ? maskSecrets(value) : hidden(value);
}

function isShownHeader(name: string): boolean {
  return SHOWN_HEADERS.has(name.trim().toLowerCase());
}

/** What a `{name, value}` pair calls its value. */
function pairNames(pair: Record<string, unknown>): string[] {
  const names = Object.entries(pair).filter(([key]) => /^(name|key|k|header|field|variable|var)$/i.test(key));
  return names.flatMap(([, name]) => (typeof name === 'string' ? [name] : []));
}

function isPairValue(name: string): boolean {
  return /^(values?|v|val|content|data)$/i.test(name);
}

/** Whether there is a value may be seen. */
function hidden(value: unknown): unknown {
  return value === undefined || value === null ? value : MASK;
}

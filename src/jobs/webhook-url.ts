import { excerptOf } from './excerpt.js';
import { MAX_URL_LENGTH } from './limits.js';
import { maskText } from './mask-text.js';

const MAX_HOST_LENGTH = 253;
/** The characters of host names, after a name in other letters was turned into `xn--`. A URL itself allows `*` and `!`. */
const LABEL = /^[a-z0-9_-]{1,63}$/;

/** The one check of a URL that webhooks go to. @returns what is wrong, without the URL itself, which may hold a secret */
export function webhookUrlFault(value: unknown): string | undefined {
  const isText = typeof value === 'string' && value.isWellFormed();
  if (!isText || !/^https?:\/\/[^\s\p{Cc}]+$/iu.test(value) || !URL.canParse(value)) {
    return 'must be an http or https URL without blanks and line breaks';
  }
  if (Buffer.byteLength(value) > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} bytes`;
  const url = new URL(value);
  if (url.username || url.password) return 'must not carry credentials; send them in a header instead';
  if (url.port === '0') return 'must not name port 0, where nothing listens';
  return hasHost(url) ? undefined : 'must name a host that DNS allows: labels of 1 to 63 bytes, 253 in all';
}

/** What is wrong with a URL, with the URL before it, its secrets masked. */
export function describeUrlFault(value: unknown): string | undefined {
  const fault = webhookUrlFault(value);
  return fault === undefined ? undefined : `${JSON.stringify(maskText(excerptOf(value)))} ${fault}`;
}

/** The dot that ends a fully qualified name is no part of it. */
function hasHost({ hostname }: URL): boolean {
  if (hostname.startsWith('[')) return true;
  const host = hostname.replace(/\.$/, '');
  return host.length <= MAX_HOST_LENGTH && host.split('.').every((label) => LABEL.test(label));
}

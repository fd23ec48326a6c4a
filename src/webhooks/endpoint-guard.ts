import { promises as dns, type LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { invalidOption, ValidationError } from '../jobs/errors.js';
import { webhookUrlFault } from '../jobs/webhook-url.js';

/** Which endpoints webhooks may go to. The default is the public internet over https, and nothing else. */
export interface WebhookGuardOptions {
  /**
   * Allow private addresses: loopback, RFC 1918, CGNAT (RFC 6598), IPv6 unique local. Link-local and metadata
   * addresses stay refused, as no endpoint lives there. Defaults to false.
   */
  allowPrivate?: boolean;
  /** Hosts that are trusted whatever they resolve to: `hooks.internal`, `localhost:3000`, `[::1]:3000`. */
  allowHosts?: readonly string[];
  /** Allow `http:`. Defaults to only where a private address is allowed, and for `allowHosts`. */
  allowHttp?: boolean;
  /** Resolves a host name to all its addresses. Defaults to the system's resolver. */
  resolve?: (hostname: string) => Promise<readonly LookupAddress[]>;
}

/** A URL whose addresses were checked. */
export interface CheckedTarget {
  url: URL;
  /** For the `lookup` option of the connection: gives the checked addresses and never asks DNS again. */
  lookup: LookupFunction;
}

export interface WebhookGuard {
  /**
   * Resolves the host and checks scheme, host and addresses. Addresses that are refused are left out; the URL is
   * refused when none remains. Check again for each attempt, since names change.
   * @throws ValidationError `JETFLEET_WEBHOOK_URL_INVALID`
   * @throws whatever `resolve` throws, such as ENOTFOUND
   */
  check(url: string): Promise<CheckedTarget>;
}

/**
 * `public`: reachable by anyone. `private`: reachable where `allowPrivate` is set. `forbidden`: link-local, metadata,
 * multicast, reserved, or IPv6 that carries an IPv4 address (mapped, NAT64, 6to4, Teredo).
 */
export type AddressClass = 'public' | 'private' | 'forbidden';

const PRIVATE = blockList(
  ['10.0.0.0/8', '127.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'],
  ['::1/128', 'fc00::/7'],
);
/** IANA's special-purpose registries, and metadata services outside link-local (Alibaba, Azure, AWS, Google). */
const FORBIDDEN = blockList(
  [
    ...['0.0.0.0/8', '169.254.0.0/16', '192.0.0.0/24', '192.0.2.0/24', '192.88.99.0/24', '198.18.0.0/15'],
    ...['198.51.100.0/24', '203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
    ...['100.100.100.200/32', '168.63.129.16/32'],
  ],
  ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20', 'fd00:ec2::254/128', 'fd20:ce::254/128'],
);
/** All that IANA has opened for global IPv6 unicast; whatever lies outside is refused unseen. */
const GLOBAL_IPV6 = blockList([], ['2000::/3']);

function blockList(ipv4: readonly string[], ipv6: readonly string[]): BlockList {
  const list = new BlockList();
  const add = (family: 'ipv4' | 'ipv6') => (subnet: string) => {
    const [address = '', bits] = subnet.split('/');
    list.addSubnet(address, Number(bits), family);
  };
  ipv4.forEach(add('ipv4'));
  ipv6.forEach(add('ipv6'));
  return list;
}

/** The class of an IP address; anything that is not one is `forbidden`. */
export function classifyAddress(address: string): AddressClass {
  const [bare = ''] = address.split('%');
  const version = isIP(bare);
  if (version === 0) return 'forbidden';
  const family = version === 6 ? 'ipv6' : 'ipv4';
  // A BlockList applies its IPv4 rules to IPv4-mapped IPv6 as well.
  if (FORBIDDEN.check(bare, family)) return 'forbidden';
  if (PRIVATE.check(bare, family)) return 'private';
  return version === 4 || GLOBAL_IPV6.check(bare, family) ? 'public' : 'forbidden';
}

/**
 * Guards against requests into the operator's own network (SSRF): a webhook URL comes from whoever may add jobs.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for an entry of `allowHosts` that is no host
 */
export function createWebhookGuard(options: WebhookGuardOptions = {}): WebhookGuard {
  const { allowPrivate = false, allowHttp, resolve = resolveAll } = options;
  const trusted = new Set((options.allowHosts ?? []).map(parseAllowedHost));

  async function check(text: string): Promise<CheckedTarget> {
    const url = parseUrl(text);
    const host = hostOf(url);
    const named = trusted.has(host) || trusted.has(`${host}:${portOf(url)}`);
    const plain = url.protocol === 'http:';
    if (plain && allowHttp === false) throw refused(url, 'is not https');

    const literal = isIP(host);
    const resolved = literal ? [{ address: host, family: literal }] : await resolve(host);
    const classed = resolved.map((address) => ({ address, class: classifyAddress(address.address) }));
    const reachable = classed.filter(
      (a) => named || a.class === 'public' || (a.class === 'private' && allowPrivate),
    );
    if (reachable.length === 0) {
      // The addresses stay unsaid: an error that a tenant can read must not map the internal network.
      throw refused(url, 'leads to no public address; name the host in allowHosts to deliver there');
    }
    const usable = reachable.filter((a) => !plain || allowHttp || named || a.class === 'private');
    if (usable.length === 0) throw refused(url, 'is not https; set allowHttp to deliver there all the same');
    return { url, lookup: pinned(usable.map((a) => a.address)) };
  }
  return { check };
}

async function resolveAll(hostname: string): Promise<readonly LookupAddress[]> {
  return dns.lookup(hostname, { all: true });
}

function pinned(addresses: readonly LookupAddress[]): LookupFunction {
  const [first = { address: '', family: 0 }] = addresses;
  return (_hostname, { all }, callback) => {
    process.nextTick(() =>
      all ? callback(null, [...addresses]) : callback(null, first.address, first.family),
    );
  };
}

function parseUrl(text: string): URL {
  const fault = webhookUrlFault(text);
  if (fault !== undefined) {
    throw new ValidationError('JETFLEET_WEBHOOK_URL_INVALID', `the webhook URL ${fault}`);
  }
  return new URL(text);
}

/** Names the host alone: the path and query of a webhook URL are often secret. */
function refused(url: URL, why: string): ValidationError {
  return new ValidationError('JETFLEET_WEBHOOK_URL_INVALID', `the webhook URL at ${url.host} ${why}`);
}

/** The host without brackets and without the dot that ends a fully qualified name. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
}

function portOf(url: URL): string {
  return url.port || (url.protocol === 'https:' ? '443' : '80');
}

function parseAllowedHost(entry: string): string {
  const text = isIPv6(entry) ? `[${entry}]` : entry;
  const [, name = '', port] = /^(\[[^\]]+\]|[^:/?#@\\\s]+)(?::(\d{1,5}))?$/.exec(text) ?? [];
  if (!URL.canParse(`http://${name}`)) {
    throw invalidOption(`${JSON.stringify(entry)} in allowHosts is neither a host nor host:port`);
  }
  const host = hostOf(new URL(`http://${name}`));
  return port === undefined ? host : `${host}:${Number(port)}`;
}

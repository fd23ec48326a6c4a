import { promises as dns, type LookupAddress } from 'node:dns';
import { BlockList, isIP, isIPv6, type LookupFunction } from 'node:net';
import { invalidOption } from './errors.js';

/** Which addresses may be reached that others have named. The default is the public internet over encrypted connections, and nothing else. */
export interface AddressGuardOptions {
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

/** Where a connection is to go. */
export interface GuardedTarget {
  /** A name or an address, without brackets and without the dot that ends a fully qualified name. */
  host: string;
  port: string;
  /** Whether the connection is not encrypted. */
  isPlain: boolean;
  /** How errors name it. */
  shown: string;
}

export interface AddressGuard {
  /**
   * Resolves a host and checks its addresses. Those that are refused are left out; the host is refused when none remains.
   * Check again for each connection, since names change, and connect to these addresses alone.
   * @throws what `refused` makes
   * @throws whatever `resolve` throws, such as ENOTFOUND
   */
  addresses(target: GuardedTarget): Promise<LookupAddress[]>;
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
 * Guards against requests into the operator's own network (SSRF): the address comes from whoever may add jobs, or from a provider.
 * @param refused the error for a target, by how errors name it, and why
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for an entry of `allowHosts` that is no host
 */
export function createAddressGuard(
  options: AddressGuardOptions,
  refused: (shown: string, why: string) => Error,
): AddressGuard {
  const { allowPrivate = false, allowHttp, resolve = resolveAll } = options;
  const trusted = new Set((options.allowHosts ?? []).map(parseAllowedHost));
  return {
    async addresses(target) {
      const { host, port, isPlain, shown } = target;
      const named = trusted.has(host) || trusted.has(`${host}:${port}`);
      if (isPlain && allowHttp === false) throw refused(shown, 'is not https');

      const literal = isIP(host);
      const resolved = literal ? [{ address: host, family: literal }] : await resolve(host);
      const classed = resolved.map((address) => ({ address, class: classifyAddress(address.address) }));
      const reachable = classed.filter(
        (a) => named || a.class === 'public' || (a.class === 'private' && allowPrivate),
      );
      if (reachable.length === 0) {
        // The addresses stay unsaid: an error that a tenant can read must not map the internal network.
        throw refused(shown, 'leads to no public address; name the host in allowHosts to deliver there');
      }
      const usable = reachable.filter((a) => !isPlain || allowHttp || named || a.class === 'private');
      if (usable.length === 0) {
        throw refused(shown, 'is not https; set allowHttp to deliver there all the same');
      }
      return usable.map((a) => a.address);
    },
  };
}

async function resolveAll(hostname: string): Promise<readonly LookupAddress[]> {
  return dns.lookup(hostname, { all: true });
}

/** For the `lookup` option of a connection: gives the checked addresses and never asks DNS again. */
export function pinnedLookup(addresses: readonly LookupAddress[]): LookupFunction {
  const [first = { address: '', family: 0 }] = addresses;
  return (_hostname, { all }, callback) => {
    process.nextTick(() =>
      all ? callback(null, [...addresses]) : callback(null, first.address, first.family),
    );
  };
}

/** The host without brackets and without the dot that ends a fully qualified name. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');
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

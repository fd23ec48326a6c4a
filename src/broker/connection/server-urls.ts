/** The addresses of NATS servers, as users write them. */
import { isIP } from 'node:net';
import { invalidOption, type ValidationError } from '../../jobs/errors.js';

/** What stands before the `@` of a URL: a user and a password, or one token. */
export type UserInfo = { user: string; password: string } | { token: string };

export interface ServerList {
  /** `host:port` of each; nothing secret. */
  servers: string[];
  /** Whether a scheme asks for TLS. Then no connection of the list is made without it. */
  tls: boolean;
  userInfo?: UserInfo;
}

interface Address {
  server: string;
  tls: boolean;
  userInfo?: UserInfo;
}

export const DEFAULT_SERVER = 'nats://127.0.0.1:4222';
const MISSPELT_SCHEME = /^(\/|(nats|tls|wss?|https?):\/)/i;
const DEFAULT_PORT = 4222;
const MAX_PORT = 65_535;
const HOST = /^[\p{L}\p{N}_]([\p{L}\p{N}._-]*[\p{L}\p{N}_.])?$/u;

/**
 * Reads the servers of a cluster: URLs with commas between them, or a list. `nats://` and `tls://` are known, a URL
 * without a scheme is `nats://`, and the port is 4222 where none is given. User, password and token may be
 * percent-encoded.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; the message never repeats a part that may be a secret
 */
export function parseServers(servers: string | readonly string[]): ServerList {
  if (typeof servers !== 'string' && !Array.isArray(servers))
    throw invalidOption('the NATS servers must be a text or a list of texts');
  const texts = typeof servers === 'string' ? servers.split(',') : [...(servers as readonly string[])];
  // A password with a comma in it is cut in two: then any part may hold a piece of it.
  const mayShow = !texts.some((text) => typeof text === 'string' && text.includes('@'));
  const addresses = texts.map((text, index) => parseAddress(text, new Refusal(text, index, texts, mayShow)));
  const infos = addresses.flatMap(({ userInfo }) => (userInfo ? [userInfo] : []));
  const [userInfo] = infos;
  if (infos.some((info) => JSON.stringify(info) !== JSON.stringify(userInfo))) {
    throw invalidOption(
      'the NATS servers have different credentials in their URLs; all servers of a list get the same',
    );
  }
  if (addresses.length === 0)
    throw invalidOption('the list of NATS servers is empty; leave it out for the default');
  return {
    servers: addresses.map(({ server }) => server),
    tls: addresses.some(({ tls }) => tls),
    ...(userInfo && { userInfo }),
  };
}

function parseAddress(text: string, refusal: Refusal): Address {
  if (typeof text !== 'string') throw refusal.because('it is no text');
  const trimmed = text.trim();
  if (trimmed === '') throw refusal.because('it is empty');
  const [, scheme, rest = ''] = /^(?:([^:/@]*):\/\/)?(.*)$/s.exec(trimmed) ?? [];
  // What looks like a scheme would else become a user.
  if (scheme === undefined && MISSPELT_SCHEME.test(trimmed)) throw refusal.because('its scheme is misspelt');
  const tls = isTls(scheme, refusal);
  const at = rest.lastIndexOf('@');
  const hostAndPort = rest.slice(at + 1).replace(/\/$/, '');
  const server = parseHost(hostAndPort, refusal);
  return at < 0 ? { server, tls } : { server, tls, userInfo: parseUserInfo(rest.slice(0, at), refusal) };
}

function isTls(scheme: string | undefined, refusal: Refusal): boolean {
  const name = scheme?.toLowerCase();
  if (name === undefined || name === 'nats') return false;
  if (name === 'tls') return true;
  const why = ['ws', 'wss'].includes(name) ? 'WebSockets are not supported' : 'its scheme is unknown';
  throw refusal.because(`${why}; use nats://, or tls:// for TLS`);
}

function parseHost(text: string, refusal: Refusal): string {
  if (/[\s,]/.test(text)) throw refusal.because('it has a space; write a comma between two servers');
  if (/[/?#]/.test(text)) throw refusal.because('a server has no path and no query');
  if (isIP(text) === 6) return `[${text}]:${DEFAULT_PORT}`;
  const [, bracketed, name, portText] = /^(?:\[([^\]]*)\]|([^:]*))(?::(.*))?$/s.exec(text) ?? [];
  const host = bracketed ?? name ?? '';
  if (host === '') throw refusal.because('it has no host');
  if (bracketed !== undefined) {
    if (isIP(host) !== 6) throw refusal.because('its host is no IPv6 address');
  } else if (!HOST.test(host)) throw refusal.because('its host is no name and no address');
  const port = portText === undefined ? DEFAULT_PORT : Number(portText);
  if (!Number.isInteger(port) || port < 1 || port > MAX_PORT || (portText && !/^\d+$/.test(portText))) {
    throw refusal.because(`its port must be 1 to ${MAX_PORT}`);
  }
  return isIP(host) === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}

/** As in every client of NATS: what has no colon is a token. */
function parseUserInfo(text: string, refusal: Refusal): UserInfo {
  const colon = text.indexOf(':');
  const decode = (part: string): string => {
    try {
      return decodeURIComponent(part);
    } catch {
      throw refusal.because('its user, password or token has a "%" that encodes nothing; write it as %25');
    }
  };
  if (text === '' || colon === 0) throw refusal.because('it has an "@" without a user or token before it');
  if (colon < 0) return { token: decode(text) };
  return { user: decode(text.slice(0, colon)), password: decode(text.slice(colon + 1)) };
}

/** Names a server that cannot be used, by its text where nothing of it can be a secret. */
class Refusal {
  readonly #name: string;
  readonly #isCut: boolean;

  constructor(text: string, index: number, all: readonly string[], mayShow: boolean) {
    const place = all.length === 1 ? '' : ` ${index + 1} of ${all.length}`;
    this.#name = `NATS server${place}${mayShow ? ` ${JSON.stringify(text)}` : ''}`;
    this.#isCut = !mayShow && all.length > 1;
  }

  because(why: string): ValidationError {
    const hint = this.#isCut ? '; write a comma in a password as %2C' : '';
    return invalidOption(`${this.#name}: ${why}${hint}`);
  }
}

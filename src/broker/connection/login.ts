/** Who a connection says it is: chosen once, read again from its file at each reconnect. */
import { readFileSync } from 'node:fs';
import {
  type Authenticator,
  credsAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from '@nats-io/transport-node';
import { invalidOption, ValidationError } from '../../jobs/errors.js';
import type { UserInfo } from './server-urls.js';

export interface LoginOptions {
  /** A user of the server. Defaults to NATS_USER. */
  user?: string;
  /** The password of `user`. Defaults to NATS_PASSWORD. */
  password?: string;
  /** One token in place of a user. Defaults to NATS_TOKEN. */
  token?: string;
  /** The seed of an nkey (`SU...`), or the path of a file that holds one. Defaults to NATS_NKEY. */
  nkey?: string;
  /** The path of a `.creds` file (JWT and seed). Defaults to NATS_CREDS. */
  credsFile?: string;
}

/** How a connection answers the server that asks who it is. */
export interface Login {
  authenticator: Authenticator;
  /** Who, in words for an error: never a secret. */
  name: string;
}

type Kind = 'user' | 'token' | 'nkey' | 'credsFile';

const VARIABLES: Readonly<Record<keyof LoginOptions, string>> = {
  user: 'NATS_USER',
  password: 'NATS_PASSWORD',
  token: 'NATS_TOKEN',
  nkey: 'NATS_NKEY',
  credsFile: 'NATS_CREDS',
};
const KINDS: readonly Kind[] = ['user', 'token', 'nkey', 'credsFile'];
const SEED = /\bS[A-Z2-7]{57}\b/;
const MAX_PATH_LENGTH = 4_096;
/** What people paste in the place of a path: PEM, a JWT, a seed of an nkey, also one that was cut or has a typing error. */
const CONTENTS = /-----|\beyJ[\w-]{12,}|^\s*S[A-Z2-7]{30,}\s*$|[\r\n\0]/i;

/**
 * The credentials of a connection: those of the options, else those of the URL, else those of the environment. A
 * password may stand in the environment while its user is an option. Empty texts count as left out.
 * @returns undefined without any
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for two kinds at once, a password without a user, and a file that
 *   cannot be read; the message never repeats a secret
 */
export function chooseLogin(
  options: LoginOptions,
  url: UserInfo | undefined,
  env: NodeJS.ProcessEnv,
): Login | undefined {
  const given = present(options);
  const variables = Object.entries(VARIABLES);
  const fromEnv = present(Object.fromEntries(variables.map(([name, variable]) => [name, env[variable]])));
  const kind = onlyKind(given, (name) => name);
  if (kind === 'user' && given.password === undefined && fromEnv.password !== undefined) {
    return loginOf(kind, { ...given, password: fromEnv.password });
  }
  if (kind) return loginOf(kind, given);
  if (given.password !== undefined) {
    if (fromEnv.user === undefined) throw invalid('a password needs a user');
    return loginOf('user', { user: fromEnv.user, password: given.password });
  }
  if (url) return loginOf('token' in url ? 'token' : 'user', url);
  const envKind = onlyKind(fromEnv, (name) => VARIABLES[name]);
  if (envKind) return loginOf(envKind, fromEnv);
  if (fromEnv.password !== undefined) throw invalid('NATS_PASSWORD needs NATS_USER');
  return undefined;
}

function present(options: { [K in keyof LoginOptions]?: string | undefined }): LoginOptions {
  const named = (Object.keys(VARIABLES) as (keyof LoginOptions)[]).map((name) => {
    const value: unknown = options[name];
    if (value !== undefined && typeof value !== 'string') throw invalid(`${name} must be a text`);
    return [name, value] as const;
  });
  return Object.fromEntries(named.filter(([, value]) => value !== undefined && value !== ''));
}

function onlyKind(options: LoginOptions, nameOf: (kind: Kind) => string): Kind | undefined {
  const kinds = KINDS.filter((kind) => options[kind] !== undefined);
  if (kinds.length > 1)
    throw invalid(`${kinds.map(nameOf).join(' and ')} exclude each other; give one of them`);
  const [kind] = kinds;
  if (options.password !== undefined && kind !== undefined && kind !== 'user') {
    throw invalid(`${nameOf(kind)} takes no password`);
  }
  return kind;
}

function loginOf(
  kind: Kind,
  { user = '', password = '', token = '', nkey = '', credsFile = '' }: LoginOptions,
): Login {
  switch (kind) {
    case 'user':
      return {
        authenticator: usernamePasswordAuthenticator(user, password),
        name: `the user ${JSON.stringify(user)}`,
      };
    case 'token':
      return { authenticator: tokenAuthenticator(token), name: 'the token' };
    case 'nkey':
      return SEED.test(nkey)
        ? { authenticator: seedGiven(nkey), name: 'the nkey' }
        : { authenticator: renewing(nkey, 'nkey', fromSeed), name: `the nkey of ${nkey}` };
    case 'credsFile':
      return {
        authenticator: renewing(credsFile, 'credentials', fromCreds),
        name: `the credentials of ${credsFile}`,
      };
  }
}

function seedGiven(seed: string): Authenticator {
  try {
    return fromSeed(seed);
  } catch (error) {
    throw invalid(`nkey: ${(error as Error).message}`);
  }
}

function fromSeed(text: string): Authenticator {
  const [seed] = SEED.exec(text) ?? [];
  if (seed === undefined) throw new Error('it holds no seed of an nkey');
  return checked(nkeyAuthenticator(new TextEncoder().encode(seed)));
}

function fromCreds(text: string): Authenticator {
  return checked(credsAuthenticator(new TextEncoder().encode(text.replaceAll('\r\n', '\n'))));
}

/** An authenticator that throws would end the connection for good, so it is tried before it is used. */
function checked(authenticator: Authenticator): Authenticator {
  try {
    authenticator('nonce');
  } catch {
    // The words of the parser may hold a part of the secret.
    throw new Error('it holds no seed that can be used');
  }
  return authenticator;
}

/** Reads a file again for each connection: whoever renews credentials replaces it. */
function renewing(path: string, what: string, read: (text: string) => Authenticator): Authenticator {
  assertPath(`credentials for NATS: ${what}`, path);
  const readFile = () => read(readFileSync(path, 'utf8'));
  let last: Authenticator;
  try {
    last = readFile();
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = `the ${what} file ${path} cannot be used: ${code ?? message}`;
    throw new ValidationError('JETFLEET_OPTION_INVALID', why, { cause });
  }
  return (nonce) => {
    try {
      last = readFile();
    } catch {
      // Half written, or gone for a moment: the next attempt reads it again.
    }
    return last(nonce);
  };
}

/**
 * Refuses what stands in the place of a path and may be the secret itself: an error or a log would show it.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`, without the value
 */
export function assertPath(name: string, value: unknown): asserts value is string {
  const isPath = typeof value === 'string' && value.length <= MAX_PATH_LENGTH && !CONTENTS.test(value);
  if (isPath) return;
  throw invalidOption(
    `${name} must be the path of a file; it is not shown, since it may hold what the file should`,
  );
}

function invalid(why: string): ValidationError {
  return invalidOption(`credentials for NATS: ${why}`);
}

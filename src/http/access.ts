import type { Context, MiddlewareHandler } from 'hono';
import type { AuditAction } from '../jobs/audit.js';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import { Guesses } from './guesses.js';
import { assertTokens, covers, type HttpToken, type Role, type TokenOwner, tokenFinder } from './tokens.js';

/** What a middleware leaves for the routes after it. */
export interface ApiEnv {
  /** Who asks, as far as the server knows; empty where it does not. */
  Bindings: { address?: string };
  Variables: {
    role: Role;
    /** The name of the token of the request, or what stands for it; nothing of the token can be read from this. */
    holder: string;
    /** What the audit trail is to say of the jobs that a route has changed. */
    changedJobs?: NonNullable<AuditAction['jobs']>;
  };
}

interface AccessOptions {
  tokens: readonly HttpToken[];
  /** Whether everybody who can connect is an admin, as on a loopback address. */
  local: boolean;
  /** Names by which this machine may be addressed besides `localhost`, `127.0.0.1` and `[::1]`, without tokens. */
  allowedHosts: readonly string[];
}

/** Everybody, where there are no tokens. */
const LOCAL: TokenOwner = { role: 'admin', holder: 'local' };
const LOOPBACK_NAMES: readonly string[] = ['localhost', '127.0.0.1', '[::1]'];

/** Decides over requests by their headers alone; nothing of a body is read before. */
export class Access {
  readonly #find: (token: string) => TokenOwner | undefined;
  readonly #guesses = new Guesses();
  readonly #isOpen: boolean;
  readonly #hosts: ReadonlySet<string>;

  /** @throws ValidationError `JETFLEET_OPTION_INVALID` without any token, unless it is said to be local */
  constructor({ tokens, local, allowedHosts }: AccessOptions) {
    assertTokens(tokens);
    if (tokens.length === 0 && !local) {
      throw new ValidationError(
        'JETFLEET_OPTION_INVALID',
        'the HTTP API has no tokens, so anybody could use it: give some, set JETFLEET_HTTP_TOKEN, or say "local: true" where only this machine can connect',
      );
    }
    this.#isOpen = tokens.length === 0;
    this.#find = tokenFinder(tokens);
    this.#hosts = new Set([...LOOPBACK_NAMES, ...allowedHosts]);
  }

  /** Refuses what a page of another site makes a browser send, where no token protects. */
  guard(): MiddlewareHandler<ApiEnv> {
    return async (c, next) => {
      if (this.#isOpen) this.#assertOwn(c);
      await next();
    };
  }

  /** Lets through who may do what needs `role`. */
  needs(role: Role): MiddlewareHandler<ApiEnv> {
    return async (c, next) => {
      const { role: has, holder } = this.#isOpen ? LOCAL : await this.#ownerOf(c);
      if (!covers(has, role)) {
        throw new JetfleetError(
          'JETFLEET_HTTP_FORBIDDEN',
          `this needs the role ${role}, the token has ${has}`,
        );
      }
      c.set('role', has);
      c.set('holder', holder);
      await next();
    };
  }

  async #ownerOf(c: Context<ApiEnv>): Promise<TokenOwner> {
    const [, token] = /^bearer +(\S+)$/i.exec(c.req.header('authorization') ?? '') ?? [];
    const address = c.env?.address ?? '';
    const owner = token === undefined ? undefined : await this.#guesses.check(address, token, this.#find);
    if (owner) return owner;
    throw new JetfleetError(
      'JETFLEET_HTTP_UNAUTHORIZED',
      'this needs a valid token: "Authorization: Bearer <token>"',
    );
  }

  #assertOwn(c: Context): void {
    const host = c.req.header('host') ?? new URL(c.req.url).host;
    const name = host.toLowerCase().replace(/:\d+$/, '');
    const origin = c.req.header('origin');
    const isForeign =
      !this.#hosts.has(name) ||
      (origin !== undefined && origin.toLowerCase().replace(/^https?:\/\//, '') !== host.toLowerCase()) ||
      (c.req.header('sec-fetch-site') === 'cross-site' && c.req.header('sec-fetch-mode') !== 'navigate');
    if (!isForeign) return;
    throw new JetfleetError(
      'JETFLEET_HTTP_FOREIGN',
      'without tokens only pages and programs of this machine are served: the Host or Origin of the request is another',
    );
  }
}

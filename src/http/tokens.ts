import { createHash, timingSafeEqual } from 'node:crypto';
import { defined } from '../jobs/defined.js';
import { invalidOption, type ValidationError } from '../jobs/errors.js';
import { assertArray } from '../jobs/options.js';

/** Who may do what: each role may also do what the one before may. */
export const ROLES = ['observer', 'operator', 'admin'] as const;
/** `observer` looks, `operator` adds, cancels and retries jobs, `admin` also orders workers. */
export type Role = (typeof ROLES)[number];

function isRole(value: string): value is Role {
  return (ROLES as readonly string[]).includes(value);
}

/** Whether `role` may do what needs `needed`. */
export function covers(role: Role, needed: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(needed);
}

/** A secret that whoever holds it sends as `Authorization: Bearer <token>`. */
export interface HttpToken {
  token: string;
  role: Role;
  /** Who holds it, for the audit trail: 1 to 50 of `A-Z a-z 0-9 . _ -`. Defaults to `token` and its number. */
  name?: string;
}

const MIN_LENGTH = 8;
/** What may stand in an `Authorization` header (RFC 6750), but for `:` and `,`, which divide the list. */
const TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;
const NAME = /^[A-Za-z0-9._-]{1,50}$/;

/**
 * Reads `JETFLEET_HTTP_TOKEN`: one token, which is an admin's, or `observer:abc...,operator/alice:def...,admin/bob:ghi...`.
 * @returns none for an empty text
 * @throws ValidationError `JETFLEET_OPTION_INVALID`; the message never repeats a token
 */
export function parseTokens(text: string | undefined): HttpToken[] {
  if (!text) return [];
  const tokens = text.split(',').map((part): HttpToken => {
    const [owner = '', token, ...rest] = part.trim().split(':');
    if (token === undefined) return { role: 'admin', token: owner };
    const [role = '', name, ...more] = owner.split('/');
    if (isRole(role) && rest.length === 0 && more.length === 0) return { role, token, ...defined({ name }) };
    throw invalid(
      'each part must be <role>:<token> or <role>/<name>:<token>, with a role of observer, operator or admin',
    );
  });
  if (tokens.length > 1 && !text.includes(':')) throw invalid('several tokens need a role each');
  assertTokens(tokens);
  return tokens;
}

/** @throws ValidationError `JETFLEET_OPTION_INVALID` for a token that is too short, or that no header can carry */
export function assertTokens(tokens: readonly HttpToken[]): void {
  assertArray('tokens', tokens);
  const roles = new Map<unknown, Role>();
  const names = new Set<string>();
  for (const { token, role, name } of tokens.map((each) => each ?? {})) {
    if (name !== undefined) {
      if (typeof name !== 'string' || !NAME.test(name))
        throw invalid('a name must be 1 to 50 of A-Z a-z 0-9 . _ -');
      if (names.has(name)) throw invalid(`two of them are called ${name}`);
      names.add(name);
    }
    if (!isRole(role)) throw invalid('there is a role besides observer, operator and admin');
    if (typeof token !== 'string' || token.length < MIN_LENGTH || !TOKEN.test(token)) {
      throw invalid(`a token must be ${MIN_LENGTH} or more of A-Z a-z 0-9 - . _ ~ + /`);
    }
    if ((roles.get(token) ?? role) !== role) throw invalid('one token stands for two roles');
    roles.set(token, role);
  }
}

export interface TokenOwner {
  role: Role;
  /** The name of the token; without one what tells it apart and says nothing of it. */
  holder: string;
}

/** Finds the owner of a token; how long it takes does not depend on which bytes are right. */
export function tokenFinder(tokens: readonly HttpToken[]): (token: string) => TokenOwner | undefined {
  const known = tokens.map(({ token, role, name }, index) => ({
    owner: { role, holder: name ?? `token ${index}` },
    digest: digestOf(token),
  }));
  return (token) => {
    const digest = digestOf(token);
    let found: TokenOwner | undefined;
    for (const { owner, digest: own } of known) if (timingSafeEqual(own, digest)) found = owner;
    return found;
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function invalid(why: string): ValidationError {
  return invalidOption(`the tokens of the HTTP API: ${why}`);
}

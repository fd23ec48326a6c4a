import { shared, sharedAnswer } from '../shared.js';
import { createStore } from '../store.js';
import { forgetAnswers } from './remembered.js';

const TOKEN_KEY = 'jetfleet-token';
const API = '/api/v1';

/** What the server answers when it refuses: problem details by RFC 9457. */
export interface Problem {
  title?: string;
  status?: number;
  code?: string;
  detail?: string;
  problems?: { path?: string; message?: string }[];
}

/** A call that the server refused, or that never reached it: then `status` is 0. */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly problems: string[];

  constructor(status: number, { code, title, detail, problems = [] }: Problem) {
    super(detail ?? title ?? `the server answered ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.code = code ?? '';
    this.problems = problems.map(({ path, message }) => [path, message].filter(Boolean).join(': '));
  }
}

/** True while the server wants a token that we do not have. */
export const signInWanted = createStore(false);

export function saveToken(token: string): void {
  forgetAnswers();
  if (token) sessionStorage.setItem(TOKEN_KEY, token);
  else sessionStorage.removeItem(TOKEN_KEY);
}

export function hasToken(): boolean {
  return sessionStorage.getItem(TOKEN_KEY) !== null;
}

export interface CallOptions {
  method?: 'GET' | 'POST';
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal | undefined;
}

/**
 * Calls the API with the token of this session. A path that begins with `/api` or `/openapi` is taken as it is.
 * @throws ApiError for any answer but 2xx
 */
export async function call(path: string, options: CallOptions = {}): Promise<Response> {
  const { method = 'GET', body, headers, signal } = options;
  const token = sessionStorage.getItem(TOKEN_KEY);
  const url = /^\/(api|openapi)/.test(path) ? path : API + path;
  let response: Response;
  try {
    response = shared
      ? sharedAnswer(shared, path)
      : await fetch(url, {
          method,
          headers: {
            ...(token && { Authorization: `Bearer ${token}` }),
            ...(body !== undefined && { 'Content-Type': 'application/json' }),
            ...headers,
          },
          ...(body !== undefined && { body: JSON.stringify(body) }),
          ...(signal && { signal }),
        });
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw new ApiError(0, { detail: 'The server cannot be reached.' });
  }
  if (response.status === 401) signInWanted.set(true);
  if (!response.ok) throw new ApiError(response.status, await problemOf(response));
  return response;
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await call(path, { signal })).json() as Promise<T>;
}

/** @returns the answer's JSON, or undefined for an answer without a body */
export async function post<T>(
  path: string,
  body: unknown = {},
  headers?: Record<string, string>,
): Promise<T> {
  const response = await call(path, { method: 'POST', body, ...(headers && { headers }) });
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

async function problemOf(response: Response): Promise<Problem> {
  try {
    return (await response.json()) as Problem;
  } catch {
    return { title: response.statusText };
  }
}

/** `?a=1&b=2` of the values that are given, or nothing. */
export function queryOf(values: Record<string, string | number | undefined>): string {
  const given = Object.entries(values).filter(([, value]) => value !== undefined && value !== '');
  if (given.length === 0) return '';
  return `?${new URLSearchParams(given.map(([name, value]) => [name, String(value)]))}`;
}

export function messageOf(error: unknown): string {
  if (error instanceof ApiError) return [error.message, ...error.problems].join('\n');
  return error instanceof Error ? error.message : String(error);
}

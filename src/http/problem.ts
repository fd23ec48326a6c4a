import { STATUS_CODES } from 'node:http';
import { z } from '@hono/zod-openapi';
import { isBrokerFailure } from '../broker/topology/manager.js';
import { type ErrorCode, JetfleetError, type Problem, ValidationError } from '../jobs/errors.js';
import type { ProblemBody } from './problem-body.js';

/** An error as RFC 9457 says it, with a code of `docs/errors.md`. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.number().int(),
    code: z.string().openapi({ description: 'One of docs/errors.md', example: 'JETFLEET_NOT_FOUND' }),
    detail: z.string(),
    problems: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .openapi('Problem');

/** The status of each code; of any other, see {@link problemOf}. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  JETFLEET_NOT_FOUND: 404,
  JETFLEET_MACHINE_NOT_FOUND: 404,
  JETFLEET_CHART_TOO_LARGE: 422,
  JETFLEET_CONFLICT: 409,
  JETFLEET_CRON_INVALID: 422,
  JETFLEET_TIME_ZONE_UNKNOWN: 422,
  JETFLEET_TYPE_UNKNOWN: 409,
  JETFLEET_NO_PROVIDER: 409,
  JETFLEET_VERSION_MISMATCH: 412,
  JETFLEET_ID_TAKEN: 409,
  JETFLEET_UNIQUE_TAKEN: 409,
  JETFLEET_BODY_INEXACT: 422,
  JETFLEET_PAYLOAD_INVALID: 422,
  JETFLEET_PAYLOAD_UNKNOWN_KEY: 422,
  JETFLEET_PAYLOAD_TOO_DEEP: 422,
  JETFLEET_PAYLOAD_TOO_LARGE: 413,
  JETFLEET_RESULT_TOO_LARGE: 413,
  JETFLEET_RESULT_INVALID: 422,
  JETFLEET_CLOSED: 503,
  JETFLEET_BACKPRESSURE: 503,
  JETFLEET_CHART_BUSY: 503,
  JETFLEET_BROKER_UNREACHABLE: 503,
  JETFLEET_BROKER_AUTH: 503,
  JETFLEET_BROKER_TLS: 503,
  JETFLEET_BROKER_FORBIDDEN: 503,
  JETFLEET_JETSTREAM_DISABLED: 503,
  JETFLEET_SERVER_TOO_OLD: 503,
  JETFLEET_SERVER_LIMIT: 503,
  JETFLEET_STREAM_DRIFT: 503,
  JETFLEET_NO_LEADER: 503,
  JETFLEET_NO_STREAM: 503,
  JETFLEET_CONSUMER_LIMIT: 503,
  JETFLEET_PUBLISH_REFUSED: 503,
  JETFLEET_PUBLISH_TIMEOUT: 503,
  JETFLEET_READ_TIMEOUT: 503,
  JETFLEET_MESSAGE_TOO_LARGE: 413,
  JETFLEET_HTTP_UNAUTHORIZED: 401,
  JETFLEET_HTTP_FORBIDDEN: 403,
  JETFLEET_HTTP_FOREIGN: 403,
  JETFLEET_HTTP_NOT_FOUND: 404,
  JETFLEET_HTTP_METHOD: 405,
  JETFLEET_HTTP_BODY_TOO_LARGE: 413,
  JETFLEET_HTTP_MEDIA_TYPE: 415,
  JETFLEET_HTTP_KEY_REUSED: 422,
  JETFLEET_HTTP_TOO_MANY: 429,
};

/** Where Node has the names of before RFC 9110. */
const TITLES: Readonly<Record<number, string>> = { 413: 'Content Too Large', 422: 'Unprocessable Content' };

/** Anything thrown as a problem. What is nobody's business, such as the words of an unknown error, stays inside. */
export function problemOf(thrown: unknown): ProblemBody {
  if (JetfleetError.is(thrown)) {
    const fallback = thrown instanceof ValidationError ? 400 : 500;
    const status = STATUS[thrown.code as ErrorCode] ?? fallback;
    return bodyOf(status, thrown.code, thrown.message, thrown.problems);
  }
  if (isBrokerFailure(thrown)) {
    return bodyOf(503, 'JETFLEET_BROKER_UNREACHABLE', 'the broker does not answer; try again');
  }
  return bodyOf(500, 'JETFLEET_HTTP_FAILED', 'the server failed; its log says why');
}

export function problemResponse(body: ProblemBody, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), {
    status: body.status,
    headers: {
      'content-type': 'application/problem+json',
      ...(body.status === 401 && { 'www-authenticate': 'Bearer realm="jetfleet"' }),
      ...(body.status === 503 && { 'retry-after': '1' }),
      ...(body.status === 429 && { 'retry-after': '10' }),
      ...headers,
    },
  });
}

function bodyOf(status: number, code: string, detail: string, problems?: Problem[]): ProblemBody {
  const title = TITLES[status] ?? STATUS_CODES[status] ?? 'Error';
  return { type: 'about:blank', title, status, code, detail, ...(problems && { problems }) };
}

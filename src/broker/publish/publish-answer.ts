import { BrokerError } from '../../jobs/errors.js';
import type { Reply } from '../connection/reply-inbox.js';

/** What a stream answers to a write, or that nothing came in time. */
export type Answer =
  | { kind: 'stored'; seq: number; duplicate: boolean }
  | { kind: 'refused'; errCode: number; code: number; description: string }
  | { kind: 'nobody' }
  /** The user may not write there. */
  | { kind: 'denied'; error: BrokerError }
  | { kind: 'silent' };

interface ApiError {
  code: number;
  err_code?: number;
  description?: string;
}

const NO_RESPONDERS = 503;

export function readAnswer(msg: Reply): Answer {
  if (msg === 'late' || msg === 'cut') return { kind: 'silent' };
  if (msg instanceof BrokerError) return { kind: 'denied', error: msg };
  if (msg.headers?.code === NO_RESPONDERS) return { kind: 'nobody' };
  let body: { seq?: number; duplicate?: boolean; error?: ApiError };
  try {
    body = msg.json();
  } catch {
    body = {
      error: { code: 500, err_code: 0, description: `unreadable answer ${JSON.stringify(msg.string())}` },
    };
  }
  if (!body.error) return { kind: 'stored', seq: body.seq ?? 0, duplicate: body.duplicate ?? false };
  const { code, err_code: errCode = 0, description = 'unknown error' } = body.error;
  return { kind: 'refused', errCode, code, description };
}

import { type Logger as PinoLogger, pino } from 'pino';

/** The part of pino's logger that Jetfleet uses; a pino instance fits as it is. */
export type Logger = Pick<PinoLogger, 'debug' | 'info' | 'warn' | 'error' | 'child' | 'level'>;

const SECRETS = ['*.apiKey', '*.secret', '*.token', '*.authorization', 'headers.authorization'];

/**
 * A JSON logger on stderr, so that stdout stays data. Secrets are redacted.
 * @param level defaults to LOG_LEVEL, else `info`
 */
export function createLogger(level: string = process.env.LOG_LEVEL ?? 'info'): Logger {
  return pino({ name: 'jetfleet', level, redact: SECRETS }, pino.destination({ fd: 2, sync: true }));
}

/** A logger that says nothing: the default of embedded queues and workers. */
export const silentLogger: Logger = pino({ level: 'silent' });

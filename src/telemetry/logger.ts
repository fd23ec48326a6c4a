import { pino, stdSerializers } from 'pino';
import { maskSecrets } from '../jobs/mask.js';
import { maskText } from '../jobs/mask-text.js';

/** Logs a line, with facts before its text or without. */
export interface LogFunction {
  (facts: object, text?: string, ...values: unknown[]): void;
  (text: string, ...values: unknown[]): void;
}

/** The part of pino's logger that Jetfleet uses; a pino instance fits as it is. */
export interface Logger {
  level: string;
  debug: LogFunction;
  info: LogFunction;
  warn: LogFunction;
  error: LogFunction;
  child(facts: object): Logger;
}

type ErrorLine = ReturnType<typeof stdSerializers.err> & { excerpt?: unknown };

/** The stack begins with the message. */
function maskedError(error: Error): unknown {
  const { type, message, stack, excerpt: _, ...rest } = stdSerializers.err(error) as ErrorLine;
  return { type, message: maskText(message), stack: maskText(stack), ...(maskSecrets(rest) as object) };
}

function maskedLine(line: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(line).map(([name, value]) => [
      name,
      value instanceof Error ? value : (maskSecrets({ [name]: value }) as Record<string, unknown>)[name],
    ]),
  );
}

/** The options of a pino logger that masks secrets. */
export const logMasks = { serializers: { err: maskedError }, formatters: { log: maskedLine } };

/**
 * A JSON logger on stderr, so that stdout stays data. Secrets are masked.
 * @param level defaults to LOG_LEVEL, else `info`
 */
export function createLogger(level: string = process.env.LOG_LEVEL ?? 'info'): Logger {
  return pino({ name: 'jetfleet', level, ...logMasks }, pino.destination({ fd: 2, sync: true }));
}

const silent = () => {};
/** A logger that says nothing: the default of embedded queues and workers. */
export const silentLogger: Logger = {
  level: 'silent',
  debug: silent,
  info: silent,
  warn: silent,
  error: silent,
  child() {
    return this;
  },
};

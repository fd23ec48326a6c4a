/** Logs a line, with facts before its text or without. */
interface LogFunction {
    (facts: object, text?: string, ...values: unknown[]): void;
    (text: string, ...values: unknown[]): void;
}
/** The part of pino's logger that Jetfleet uses; a pino instance fits as it is. */
interface Logger {
    level: string;
    debug: LogFunction;
    info: LogFunction;
    warn: LogFunction;
    error: LogFunction;
    child(facts: object): Logger;
}
/**
 * A JSON logger on stderr, so that stdout stays data. Secrets are masked.
 * @param level defaults to LOG_LEVEL, else `info`
 */
declare function createLogger(level?: string): Logger;

export { createLogger };
export type { Logger };

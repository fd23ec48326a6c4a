/** What the parity suite and a worker say to each other. README.md describes it for other languages. */

/** The environment variable PARITY_CONFIG, as JSON. */
export interface Config {
  url: string;
  namespace: string;
  /** Written on every record. */
  name: string;
  ackWaitMs: number;
  /** How long running jobs may go on after SIGTERM. */
  drainMs: number;
}

/** What a worker of another language may leave to others. */
export const CAPABILITIES = [
  'sealed',
  'objects',
  'awaited',
  'webhooks',
  'ticks',
  'limits',
  'signals',
  'followUps',
] as const;
export type Capability = (typeof CAPABILITIES)[number];

/** One step of a handler. The last one ends the run. */
export type Step =
  | { checkpoint: unknown }
  | { runMs: number }
  | { untilStopped: true }
  /** Goes on although it was stopped. */
  | { ignoreStop: number }
  | { result: unknown }
  | { resultBytes: number }
  | { fail: { message: string; code?: string; retryAfterMs?: number } }
  | { refuse: { message: string; code?: string } }
  | { snoozeMs: number; checkpoint?: unknown };

/** One line of a worker's standard output. */
export type Said =
  | { ready: true; supports: Capability[] }
  | { began: string; attempt: number; checkpoint: unknown }
  | { stopped: string; reason: string };

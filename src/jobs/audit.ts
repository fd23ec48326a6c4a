/** Who did what, as the audit trail tells it. */

/** An action that somebody has taken over HTTP or on the dashboard. */
export interface AuditAction {
  /** The name of the token, or `local` where none is needed. */
  by: string;
  /** The name that the caller gave. */
  caller?: string;
  role: string;
  /** The path of the route: `jobs/{id}/cancel`. */
  action: string;
  /** What the path named: `{ id: 'order-42' }`. */
  target?: Record<string, string>;
  /** What was asked for, without payloads and secrets. */
  asked?: Record<string, unknown>;
  /** What became of the jobs of an action over many. */
  jobs?: { done: number; failed: number; ids: string[] };
  /** The code of the error with which it ended half way. */
  error?: string;
  /** The same for the parts of one action over many jobs. */
  operation?: string;
}

export interface AuditEntry extends AuditAction {
  /** Its sequence in AUDIT. */
  seq: number;
  /** ISO 8601, by the broker's clock. */
  at: string;
}

/** A page of the trail, newest first. */
export interface AuditPage {
  entries: AuditEntry[];
  /** Pass it on for the next page; absent on the last one. */
  cursor?: string;
}

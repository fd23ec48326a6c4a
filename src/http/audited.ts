/** The audit trail of the HTTP API: who has used a route that changes something. */
import type { Context } from 'hono';
import type { AuditAction } from '../jobs/audit.js';
import { defined } from '../jobs/defined.js';
import { maskSecrets } from '../jobs/mask.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import type { ApiEnv } from './access.js';
import { problemOf } from './problem.js';

/** Names the parts of one action over many jobs, which takes several requests. */
const OPERATION = 'jetfleet-operation';
const OPERATION_FORM = /^[A-Za-z0-9_-]{1,64}$/;
/** What jobs carry is no part of the trail. */
const LEFT_OUT: ReadonlySet<string> = new Set(['payload', 'by', 'secret', 'headers']);
const MOST_IDS = 20;

interface Audited {
  /** Of the route: `/api/v1/jobs/{id}/cancel`. */
  path: string;
  when: 'before' | 'after';
}

interface AnyCall {
  c: Context<ApiEnv>;
  params: unknown;
  body: unknown;
}

/** Who asks: the name that is given, and the token. */
export function askerOf(c: Context<ApiEnv>, by: string | undefined): string {
  const holder = c.get('holder');
  return by === undefined ? holder : `${by} (${holder})`;
}

/**
 * Handles a request and writes it down, unless it was refused. One that is written down before is not handled where that fails; one
 * that is done cannot be taken back, so that the log alone says what the trail lacks.
 */
export async function audited(
  queue: JobQueueService,
  { path, when }: Audited,
  call: AnyCall,
  handle: () => Response | Promise<Response>,
): Promise<Response> {
  const action = actionOf(path, call);
  if (when === 'before') {
    await queue.audit.add(action);
    return handle();
  }
  const add = async (more: Partial<AuditAction>) => {
    try {
      await queue.audit.add({ ...action, ...more });
    } catch (err) {
      queue.logger.error({ err, action: action.action, by: action.by }, 'the audit trail lacks an action');
    }
  };
  try {
    const response = await handle();
    // What was only counted is as it was.
    if (action.asked?.dryRun === true) return response;
    await add(defined({ jobs: call.c.get('changedJobs') }));
    return response;
  } catch (error) {
    const { status, code } = problemOf(error);
    const jobs = call.c.get('changedJobs');
    // What was refused has changed nothing; what broke may have, and so may what ended among many jobs.
    if (status >= 500 || (jobs && jobs.done > 0)) await add(defined({ jobs, error: code }));
    throw error;
  }
}

function actionOf(path: string, { c, params, body }: AnyCall): AuditAction {
  const given = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const operation = c.req.header(OPERATION);
  const asked = askedIn(given);
  const target = (params ?? {}) as Record<string, string>;
  return {
    by: c.get('holder'),
    ...(typeof given.by === 'string' && { caller: given.by }),
    role: c.get('role'),
    action: path.replace('/api/v1/', ''),
    ...(Object.keys(target).length > 0 && { target }),
    ...(Object.keys(asked).length > 0 && { asked }),
    ...(operation !== undefined && OPERATION_FORM.test(operation) && { operation }),
  };
}

function askedIn(body: Record<string, unknown>): Record<string, unknown> {
  const entries = Object.entries(body).flatMap(([name, value]): [string, unknown][] => {
    if (value === undefined || LEFT_OUT.has(name)) return [];
    // How many there were, and the first of them, is said of what became of them.
    return name === 'ids' && Array.isArray(value) ? [[name, value.length]] : [[name, value]];
  });
  return maskSecrets(Object.fromEntries(entries)) as Record<string, unknown>;
}

/** Has the trail say what became of many jobs. */
export function noteChangedJobs(c: Context<ApiEnv>, done: readonly string[], failed: number): void {
  c.set('changedJobs', { done: done.length, failed, ids: done.slice(0, MOST_IDS) });
}

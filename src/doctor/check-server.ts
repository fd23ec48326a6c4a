import * as z from 'zod';
import type { ServerSync } from '../broker/publish/commit-options.js';
import { JetfleetError, ValidationError } from '../jobs/errors.js';
import { type Diagnosis, diagnose } from '../upkeep/finding.js';

const TIMEOUT_MS = 5_000;

/** What the monitoring page says about flushing (nats-server, `GET /varz`). */
const varzSchema = z.object({
  version: z.string(),
  cluster: z.object({ name: z.string().optional() }).optional(),
  jetstream: z
    .object({
      config: z
        .object({ sync_always: z.boolean().optional(), sync_interval: z.number().optional() })
        .optional(),
    })
    .optional(),
});

const FAULTS = [
  ['JETFLEET_SERVER_TOO_OLD', 'server_too_old'],
  ['JETFLEET_JETSTREAM_DISABLED', 'jetstream_disabled'],
  ['JETFLEET_SERVER_LIMIT', 'server_limit'],
] as const;

/** A server that cannot be opened, as a finding; any other error is the caller's. */
export function diagnoseServerError(error: unknown): Diagnosis {
  for (const [code, finding] of FAULTS)
    if (JetfleetError.is(error, code)) return diagnose(finding, 'nats-server', error.message);
  throw error;
}

/**
 * When the server flushes to disk. Replicas on other nodes make up for a late flush; a single one has none.
 * @param monitorUrl the server's monitoring page, such as `http://127.0.0.1:8222`
 * @param replicas copies of each stream, where the streams can be looked at; else a cluster is taken for safe
 * @param told when it flushes as the queue was told; not compared where it is left out, nor in a cluster
 * @throws ValidationError `JETFLEET_OPTION_INVALID` when the page cannot be read
 */
export async function checkSync(
  monitorUrl: string | undefined,
  replicas?: number,
  told?: ServerSync,
): Promise<Diagnosis[]> {
  if (!monitorUrl) {
    const how = 'name the monitoring page with --monitor-url or NATS_MONITOR_URL';
    return [diagnose('sync_interval_unknown', 'nats-server', how)];
  }
  const { version, cluster, jetstream } = await readMonitor(monitorUrl, '/varz', varzSchema);
  const { sync_always: always = false, sync_interval: nanos = 0 } = jetstream?.config ?? {};
  if (!jetstream?.config) return [];
  const says = always ? 'always' : 'periodic';
  const isMistold = told !== undefined && told !== says && cluster?.name === undefined;
  const how = `the queue was told "${told}", and nats-server says "${says}"; set JETFLEET_SYNC=${says}, --sync or the option sync`;
  const mistold = isMistold ? [diagnose('sync_told_wrong', 'nats-server', how)] : [];
  if (always) return mistold;
  const isCopied = replicas === undefined ? cluster?.name !== undefined : replicas > 1;
  const late = `nats-server ${version} flushes every ${nanos / 1_000_000_000} s`;
  const message = isCopied
    ? `${late}; other nodes have copies, so that only a power cut of most of them at once loses jobs`
    : `${late}; set sync_interval: always in its jetstream block`;
  const severity = isCopied ? 'info' : 'danger';
  return [diagnose('sync_interval_not_always', 'nats-server', message, undefined, { severity }), ...mistold];
}

/**
 * A page of the server's monitoring, whatever its status.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` when it cannot be read
 */
export async function readMonitor<T>(monitorUrl: string, path: string, schema: z.ZodType<T>): Promise<T> {
  try {
    const answer = await fetch(new URL(path, monitorUrl), { signal: AbortSignal.timeout(TIMEOUT_MS) });
    return schema.parse(await answer.json());
  } catch (cause) {
    const why = `${monitorUrl} is no monitoring page of a nats-server: ${(cause as Error).message}`;
    throw new ValidationError('JETFLEET_OPTION_INVALID', why, { cause });
  }
}

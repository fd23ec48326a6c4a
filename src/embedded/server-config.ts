/** When JetStream calls fsync: before each answer (`always`), or every so often, such as `2m`. */
export type SyncInterval = 'always' | `${number}${'ms' | 's' | 'm'}`;

export interface NatsConfigOptions {
  host: string;
  /** TCP port for clients; 0 lets the system choose a free one. */
  port: number;
  /** TCP port of the monitoring pages (`/varz`, `/healthz`); 0 lets the system choose. Defaults to 0. */
  monitorPort?: number;
  /** The folder that JetStream keeps its streams in. */
  storeDir: string;
  /** Defaults to `jetfleet`. */
  serverName?: string;
  /** Defaults to `always`: a confirmed message survives a power cut. */
  syncInterval?: SyncInterval;
  /** Folder for the file that tells the chosen ports. Defaults to none. */
  portsFileDir?: string;
  /** Defaults to stderr. */
  logFile?: string;
}

/**
 * The text of a nats-server configuration: JetStream on file, fsync before each answer, no authentication. The
 * same settings as `nats.conf`, but for the places (host, ports, folders, log) that differ from run to run.
 */
export function natsConfig(options: NatsConfigOptions): string {
  const { host, port, monitorPort = 0, storeDir, serverName = 'jetfleet', syncInterval = 'always' } = options;
  return [
    `server_name: ${quote(serverName)}`,
    `host: ${quote(host)}`,
    `port: ${anyPort(port)}`,
    `http: ${quote(`${bracketed(host)}:${anyPort(monitorPort)}`)}`,
    ...(options.portsFileDir ? [`ports_file_dir: ${quote(options.portsFileDir)}`] : []),
    'max_payload: 1MB',
    'lame_duck_grace_period: "5s"',
    'lame_duck_duration: "30s"',
    'logtime_utc: true',
    ...(options.logFile
      ? [`log_file: ${quote(options.logFile)}`, 'logfile_size_limit: 16MB', 'logfile_max_num: 2']
      : []),
    'jetstream {',
    `  store_dir: ${quote(storeDir)}`,
    `  sync_interval: ${syncInterval === 'always' ? syncInterval : quote(syncInterval)}`,
    '  limits: { batch: { max_msgs: 5000 } }',
    '}',
    '',
  ].join('\n');
}

/** An IPv6 address as it stands in `host:port`. */
export function bracketed(host: string): string {
  return host.includes(':') ? `[${host}]` : host;
}

function anyPort(port: number): number {
  return port === 0 ? -1 : port;
}

function quote(text: string): string {
  if (/[\r\n]/.test(text))
    throw new RangeError(`a line break cannot stand in a setting: ${JSON.stringify(text)}`);
  return `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;
}

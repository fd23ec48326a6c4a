export { type EmbeddedServer, type EmbeddedServerOptions, startEmbeddedServer } from './embedded-server.js';
export { type FindNatsServerOptions, findNatsServer, type NatsServerBinary } from './find-binary.js';
export { type NatsConfigOptions, natsConfig, type SyncInterval } from './server-config.js';
export { MIN_SERVER_VERSION } from './server-version.js';
export type { ServerExit } from './server-watchdog.js';

/** `jetfleet/outbox`: jobs that exist if, and only if, a transaction of PostgreSQL commits. */
export {
  type OutboxSetup,
  type OutboxStatus,
  readOutbox,
  retryOutboxRows,
  type SetAsideRow,
  setupOutbox,
} from './admin.js';
export type { DatabaseOptions, OutboxAddress, OutboxClient, OutboxConnection } from './client.js';
export { Outbox, type OutboxOptions, type OutboxStatement } from './outbox.js';
export { OutboxRelay, type RelayOptions, type RelayStats } from './relay.js';
export { type OutboxSqlOptions, outboxSql } from './table.js';

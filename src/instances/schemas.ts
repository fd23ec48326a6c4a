/** What the jobs of instances take, and what they leave: the schemas are built when they are first used. */
import { lazySchema } from '../jobs/lazy-schema.js';
import * as existing from './lifecycle-schemas.js';
import * as rented from './payload-schemas.js';

export type {
  AutoStopPayload,
  AutoStopResult,
  CheckInstancePayload,
  CheckInstanceResult,
  ExtendLeasePayload,
  ExtendLeaseResult,
  KeepLeasePayload,
  KeepLeaseResult,
  MigrateInstancePayload,
  MigrateInstanceResult,
  OrderInstancePayload,
  OrderInstanceResult,
  PortAnswer,
  WatchEvent,
  WatchInstancePayload,
  WatchInstanceResult,
  WatchPolicy,
  WatchSettings,
} from './lifecycle-schemas.js';
export type {
  CreateInstancePayload,
  CreateInstanceResult,
  DeleteInstancePayload,
  DeleteInstanceResult,
  MonitorInstancePayload,
  MonitorInstanceResult,
  OnTimeout,
} from './payload-schemas.js';

/** `create_instance`: rents exactly one instance. Sizes are GB, times milliseconds. */
export const createInstancePayload: typeof rented.createInstancePayload = lazySchema(
  () => rented.createInstancePayload,
);
/** The `result` of a completed `create_instance`. */
export const createInstanceResult: typeof rented.createInstanceResult = lazySchema(
  () => rented.createInstanceResult,
);
/** `monitor_instance`: watches an instance until it runs, or until `maxWaitTime` has passed since `startTime`. */
export const monitorInstancePayload: typeof rented.monitorInstancePayload = lazySchema(
  () => rented.monitorInstancePayload,
);
/** The `result` of a completed `monitor_instance`: it runs, or was deleted in time for the next offer. */
export const monitorInstanceResult: typeof rented.monitorInstanceResult = lazySchema(
  () => rented.monitorInstanceResult,
);
/** `delete_instance`: deletes one instance by the provider's id, or every instance of a name that was recorded before a create. */
export const deleteInstancePayload: typeof rented.deleteInstancePayload = lazySchema(
  () => rented.deleteInstancePayload,
);
/** The `result` of a completed `delete_instance`. */
export const deleteInstanceResult: typeof rented.deleteInstanceResult = lazySchema(
  () => rented.deleteInstanceResult,
);

/** `start_instance`, `stop_instance` and `restart_instance`. */
export const orderInstancePayload: typeof existing.orderInstancePayload = lazySchema(
  () => existing.orderInstancePayload,
);
/** The `result` of a completed `start_instance`, `stop_instance` or `restart_instance`. */
export const orderInstanceResult: typeof existing.orderInstanceResult = lazySchema(
  () => existing.orderInstanceResult,
);
/** `watch_instance`: watches an instance that runs, and reports what happens to it. */
export const watchInstancePayload: typeof existing.watchInstancePayload = lazySchema(
  () => existing.watchInstancePayload,
);
/** The `result` of a completed `watch_instance`. */
export const watchInstanceResult: typeof existing.watchInstanceResult = lazySchema(
  () => existing.watchInstanceResult,
);
/** `migrate_instance`: moves an instance, such as a reclaimed spot instance, to another machine. */
export const migrateInstancePayload: typeof existing.migrateInstancePayload = lazySchema(
  () => existing.migrateInstancePayload,
);
/** The `result` of a completed `migrate_instance`. */
export const migrateInstanceResult: typeof existing.migrateInstanceResult = lazySchema(
  () => existing.migrateInstanceResult,
);
/** `check_instance`: whether an instance runs and its ports answer. */
export const checkInstancePayload: typeof existing.checkInstancePayload = lazySchema(
  () => existing.checkInstancePayload,
);
/** The `result` of a completed `check_instance`: an unhealthy instance is a result, and no failure of the job. */
export const checkInstanceResult: typeof existing.checkInstanceResult = lazySchema(
  () => existing.checkInstanceResult,
);
/** `auto_stop`: stops or deletes an instance that nobody has used for a while, or whose lease is over. */
export const autoStopPayload: typeof existing.autoStopPayload = lazySchema(() => existing.autoStopPayload);
/** The `result` of a completed `auto_stop`. */
export const autoStopResult: typeof existing.autoStopResult = lazySchema(() => existing.autoStopResult);
/** `extend_lease`: moves the end of the lease that an `auto_stop` job keeps. */
export const extendLeasePayload: typeof existing.extendLeasePayload = lazySchema(
  () => existing.extendLeasePayload,
);
/** The `result` of a completed `extend_lease`. */
export const extendLeaseResult: typeof existing.extendLeaseResult = lazySchema(
  () => existing.extendLeaseResult,
);
/** `keep_lease`: renews the lease of an instance, which the watchdog on it asks for, until the instance is gone. */
export const keepLeasePayload: typeof existing.keepLeasePayload = lazySchema(() => existing.keepLeasePayload);
/** The `result` of a completed `keep_lease`: the instance is gone. */
export const keepLeaseResult: typeof existing.keepLeaseResult = lazySchema(() => existing.keepLeaseResult);

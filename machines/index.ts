/** The statecharts of Jetfleet: pure, drawn in `docs/machines.md`, and given their I/O by the worker. */

export type {
  CreateInstanceResult,
  DeleteInstanceResult,
  MonitorInstanceResult,
} from '../src/instances/schemas.js';
export type { Delivery } from '../src/webhooks/schemas.js';
export { autoStopMachine } from './auto-stop.js';
export type { AutoStopCheckpoint, AutoStopContext, LeaseNews } from './auto-stop-context.js';
export type {
  BreakerEvent,
  BreakerFacts,
  BreakerPolicy,
  BreakerSnapshot,
  BreakerState,
  BreakerStep,
  DisabledBy,
} from './breaker.js';
export { HEALTHY } from './breaker.js';
export type { CheckInstanceSettings } from './check-instance.js';
export { checkInstanceChart, checkInstanceMachine } from './check-instance.js';
export type { CheckCheckpoint, CheckedInstance, CheckInstanceContext } from './check-instance-context.js';
export type { CreateInstanceSettings } from './create-instance.js';
export {
  createInstanceChart,
  createInstanceMachine,
  DEFAULT_CAPACITY_POLL_MS,
  DEFAULT_SETTLE_DELAY_MS,
  MAX_LOOK_UPS,
} from './create-instance.js';
export type { CreateInstanceContext, FoundInstance, Offer, RefusedOffer } from './create-instance-context.js';
export type { DeleteActorInput, DeleteInstanceSettings } from './delete-instance.js';
export { deleteInstanceChart, deleteInstanceMachine } from './delete-instance.js';
export type { DeleteCheckpoint, DeleteInstanceContext } from './delete-instance-context.js';
export { breakerAfter, endpointBreakerMachine } from './endpoint-breaker.js';
export { DEFAULT_BREAKER_POLICY } from './endpoint-policy.js';
export type { ExtendLeaseContext } from './extend-lease.js';
export { extendLeaseMachine } from './extend-lease.js';
export type { JobMachine, JobSnapshot } from './job.js';
export { jobMachine, jobStateOf, nextJobState, resolveJobState } from './job.js';
export type { JobEvent, JobMachineContext, JobMachineInput } from './job-machine-context.js';
export { timeoutError, timeoutOf } from './job-machine-context.js';
export type { KeepLeaseCheckpoint, KeepLeaseContext, KeepLeaseSettings } from './keep-lease.js';
export { keepLeaseChart, keepLeaseMachine } from './keep-lease.js';
export { migrateInstanceChart, migrateInstanceMachine } from './migrate-instance.js';
export type { MigrateCheckpoint, MigrateInstanceContext, Replacement } from './migrate-instance-context.js';
export type { MonitorInstanceSettings } from './monitor-instance.js';
export {
  DEFAULT_POLL_INTERVAL_MS,
  monitorInstanceChart,
  monitorInstanceMachine,
} from './monitor-instance.js';
export type {
  InstanceCheck,
  MonitorActorInput,
  MonitorCheckpoint,
  MonitorInstanceContext,
} from './monitor-instance-context.js';
export { endsTheWait, isBroken, isGone } from './monitor-instance-context.js';
export type { OrderActorInput, OrderInstanceSettings } from './order-instance.js';
export {
  orderInstanceChart,
  restartInstanceMachine,
  startInstanceMachine,
  stopInstanceMachine,
} from './order-instance.js';
export type {
  InstanceOrder,
  OrderCheckpoint,
  OrderedInstance,
  OrderInstanceContext,
  OrderVerdict,
} from './order-instance-context.js';
export { verdictOf } from './order-instance-context.js';
export type { Proven, ProvenCheckpoint } from './proven.js';
export {
  DEFAULT_PROVIDER_POLICY,
  providerBreakerAfter,
  providerBreakerMachine,
} from './provider-breaker.js';
export type { Repeated } from './repeated.js';
export type { RunInput } from './run-input.js';
export type { Parked, SendWebhookContext } from './send-webhook.js';
export { sendWebhookMachine } from './send-webhook.js';
export { claimedAttempt, failedAttempt } from './short-path.js';
export type { WatchInstanceSettings } from './watch-instance.js';
export { watchInstanceChart, watchInstanceMachine } from './watch-instance.js';
export type { WatchCheckpoint, WatchedInstance, WatchInstanceContext } from './watch-instance-context.js';
export type {
  WorkerLifecycleContext,
  WorkerLifecycleEvent,
  WorkerLifecycleState,
} from './worker-lifecycle.js';
export { workerLifecycleMachine } from './worker-lifecycle.js';

/** GPU providers: the interface, Novita's adapter, and a simulated provider for tests and development. */
export {
  INSTANCE_NAME_PREFIX,
  instanceNameFor,
  instanceNameStem,
  type NamedJob,
} from './instance-name.js';
export {
  createNovitaProvider,
  NovitaProvider,
  type NovitaProviderOptions,
} from './novita/novita-provider.js';
export type {
  BillingMode,
  CreateSpec,
  GpuProvider,
  Instance,
  InstanceStatus,
  Offer,
  OfferQuery,
  ProviderCapabilities,
  Template,
} from './provider.js';
export { ProviderError, type ProviderErrorClass } from './provider-error.js';
export type { RequestRecord } from './simulator/api.js';
export type { Fault, FaultInput, FaultKind, Faults } from './simulator/faults.js';
export type { LedgerAction, LedgerEntry, SimulatorTimings } from './simulator/instances.js';
export {
  type RequestLog,
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from './simulator/simulator.js';

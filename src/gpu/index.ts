/** GPU providers: the interface, what adapters are made of, Novita's adapter, and a simulated provider for tests and development. */
export { ApiErrors, type ApiErrorsOptions, type CallKind, type ProvenClass } from './api/api-errors.js';
export type { CallRates, GivenCallRates, Operation, Operations, PublishedRates } from './api/call-rates.js';
export { type ApiCall, type ApiDialect, ProviderApi, type ProviderApiOptions } from './api/provider-api.js';
export { type CombinedProvider, combinedProvider } from './combined-provider.js';
export { defineProvider, type ProviderDefinition } from './define-provider.js';
export { PROVIDER_NAMES, providersFromEnvironment } from './from-environment.js';
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
export { startSimulator } from './novita/start-simulator.js';
export type {
  BillingMode,
  CreateSpec,
  GpuProvider,
  Instance,
  InstanceStatus,
  Offer,
  OfferQuery,
  ProviderCapabilities,
  StartScript,
  Template,
} from './provider.js';
export { ProviderError, type ProviderErrorClass } from './provider-error.js';
export type { Fault, FaultInput, FaultKind, Faults } from './simulator/faults.js';
export type { LedgerAction, LedgerEntry, SimulatorTimings } from './simulator/instances.js';
export type {
  RequestLog,
  Simulator,
  SimulatorOptions,
} from './simulator/simulator.js';
export type { RequestRecord } from './simulator/wire.js';

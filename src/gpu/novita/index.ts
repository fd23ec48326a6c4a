/** Novita's GPU instances: the adapter of its API v1, and a simulator of the same wire. */
export type { NovitaCatalogue, NovitaProductFilter } from './novita-catalogue.js';
export { createNovitaProvider, NovitaProvider, type NovitaProviderOptions } from './novita-provider.js';
export { startSimulator } from './start-simulator.js';

/** Vast.ai's marketplace: the adapter of its API, and a simulator of the same wire. */
export { startVastSimulator } from './simulated-vast.js';
export { createVastProvider, VastProvider, type VastProviderOptions } from './vast-provider.js';

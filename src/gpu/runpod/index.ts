/** RunPod's GPU pods: the adapter of its API v2, and a simulator of the same wire. */
export { createRunpodProvider, RunpodProvider, type RunpodProviderOptions } from './runpod-provider.js';
export { startRunpodSimulator } from './simulated-runpod.js';

/** Lambda's on-demand instances: the adapter of its Cloud API v1, and a simulator of the same wire. */
export { createLambdaProvider, LambdaProvider, type LambdaProviderOptions } from './lambda-provider.js';
export { SIMULATED_SSH_KEY, startLambdaSimulator } from './simulated-lambda.js';

/** The HTTP API of Jetfleet, and a server for it. */
export { createHttpApi, type HttpApi, type HttpApiOptions } from './api.js';
export type { ProblemBody } from './problem-body.js';
export { type HttpServer, type HttpServerOptions, startHttpServer } from './server.js';
export { type HttpToken, parseTokens, type Role } from './tokens.js';

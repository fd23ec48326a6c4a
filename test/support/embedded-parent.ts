import { startEmbeddedServer } from '../../src/embedded/index.js';

/** A program that starts an embedded server, says where, and then waits to be killed. */
const [storeDir] = process.argv.slice(2);
const server = await startEmbeddedServer({ storeDir });
const { pid, watchdogPid, url } = server;
process.stdout.write(`${JSON.stringify({ pid, watchdogPid, url, storeDir: server.storeDir })}\n`);

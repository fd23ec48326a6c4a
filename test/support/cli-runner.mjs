/**
 * Runs command lines, and modules that use the package, one after another in one process: to start Node and load the package takes
 * longer than most of them do. A program has ended when nothing keeps the process alive any more, as if it had been alone.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { main } from '../../dist/lib/jetfleet.js';

/** What both streams carry after the output of a program. */
const END = '\u0000';
/** Node's own exit code for a main module that never finished. */
const UNFINISHED = 13;

let finished;
process.on('message', async ({ args = [], module, env }) => {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env);
  process.argv = [process.execPath, module ?? 'bin/jetfleet.js', ...args];
  process.exitCode = undefined;
  finished = false;
  // From here on the process lives as long as the program keeps it alive.
  process.channel.unref();
  await (module === undefined ? main(process.argv) : import(pathToFileURL(resolve(module)).href));
  finished = true;
});
process.on('beforeExit', () => {
  process.channel?.ref();
  if (finished === undefined) return;
  process.send({ code: finished ? (process.exitCode ?? 0) : UNFINISHED });
  finished = undefined;
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error');
    stream.write(END);
  }
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal);
});
process.on('disconnect', () => process.exit());

#!/usr/bin/env node
import * as module from 'node:module';

// From Node 22.8 on: what was compiled once is not compiled again with each command.
module.enableCompileCache?.();
const { main } = await import('../dist/lib/jetfleet.js');

await main(process.argv);

#!/usr/bin/env node
import { main } from '../dist/cli/jetfleet.js';

await main(process.argv);

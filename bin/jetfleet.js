#!/usr/bin/env node
import { main } from '../dist/lib/jetfleet.js';

await main(process.argv);

import type { MeasureName } from '../unit.js';
import { measureAdd } from './add.js';
import { measureAddBulk } from './add-bulk.js';
import { measureCriticalBehindLow } from './critical-behind-low.js';
import { measureLists } from './lists.js';
import type { Measure } from './measure.js';
import { measureMonitors } from './monitors.js';
import { measureProcess } from './process.js';
import { measureRaw } from './raw.js';
import { measureStartLatency } from './start-latency.js';
import { measureUnwatchedServer } from './unwatched-server.js';
import { measureWaiting } from './waiting.js';
import { measureWorkers } from './workers.js';

export const MEASURE_OF: Readonly<Record<MeasureName, Measure>> = {
  add: measureAdd,
  addBulk: measureAddBulk,
  process: measureProcess,
  startLatency: measureStartLatency,
  raw: measureRaw,
  waiting: measureWaiting,
  monitors: measureMonitors,
  lists: measureLists,
  workers: measureWorkers,
  unwatchedServer: measureUnwatchedServer,
  criticalBehindLow: measureCriticalBehindLow,
};

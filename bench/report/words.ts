import type { Durability, MeasureName, SystemName } from '../unit.js';

export const SYSTEM_LABEL: Readonly<Record<SystemName, string>> = {
  jetfleet: 'Jetfleet',
  bullmq: 'BullMQ',
  'graphile-worker': 'graphile-worker',
  'pg-boss': 'pg-boss',
  'raw-jetstream': 'bare NATS client',
};

/** How durable what a server has confirmed is, as set for the benchmark. */
export const DURABILITY_OF: Readonly<Record<Durability, Partial<Record<SystemName, string>>>> = {
  fsync: {
    jetfleet: '`sync_interval: always`',
    bullmq: '`appendfsync always`',
    'graphile-worker': "PostgreSQL's default: `fsync` and `synchronous_commit` on",
    'pg-boss': "PostgreSQL's default: `fsync` and `synchronous_commit` on",
    'raw-jetstream': '`sync_interval: always`',
  },
  periodic: {
    jetfleet: '`sync_interval: 1s`, `JETFLEET_SYNC=periodic`',
    bullmq: '`appendfsync everysec`',
    'raw-jetstream': '`sync_interval: 1s`',
  },
};

/** A measure as the page explains it. Columns are figures with their headings; the first is drawn. */
export interface Section {
  measure: MeasureName;
  title: string;
  text: string;
  columns: readonly (readonly [figure: string, heading: string])[];
  /** What the parts of the measure are called, where it has any. */
  partHeading?: string;
}

const CPU = [
  ['clientCpuMicrosPerJob', 'client CPU, us/job'],
  ['serverCpuMicrosPerJob', 'server CPU, us/job'],
] as const;
const RATE = [['jobsPerSecond', 'jobs/s'], ...CPU] as const;

export const SECTIONS: readonly Section[] = [
  {
    measure: 'add',
    title: 'Adding one at a time',
    text:
      '256 callers in one process, each of which awaits its job before it adds the next. The systems on ' +
      'PostgreSQL get fewer jobs in a full run; rates are compared.',
    columns: RATE,
  },
  {
    measure: 'addBulk',
    title: 'Adding in bulk',
    text:
      "Each system's call for many jobs at once, in the portions that suit it: 10,000 for Jetfleet, " +
      'which splits them further by itself, 1,000 for the others.',
    columns: RATE,
  },
  {
    measure: 'process',
    title: 'Processing',
    text:
      'Jobs that do nothing and wait already, evenly over four priorities, run by one worker with ' +
      '256 at once. The clock runs from the call that starts the worker until it has stopped after ' +
      'the last handler and the system counts no unfinished job: by then every completion is stored, ' +
      'as durably as the settings of its server make it, and the server has removed what it was told ' +
      'to. pg-boss gets fewer jobs in a full run; rates are compared.',
    columns: RATE,
  },
  {
    measure: 'startLatency',
    title: 'Start latency',
    text:
      'An idle worker, 200 jobs a second: the start of the handler minus the call that adds the job, ' +
      'on one clock.',
    columns: [['p50Ms', 'p50, ms'], ['p99Ms', 'p99, ms'], ['p999Ms', 'p99.9, ms'], ...CPU],
  },
  {
    measure: 'criticalBehindLow',
    title: 'CRITICAL behind LOW',
    text:
      'LOW jobs of 5 ms each fill 64 slots, with more waiting than can be done, while one CRITICAL ' +
      'job is added every 20 ms: the start latency of the CRITICAL ones. The last column shows that ' +
      'LOW jobs were left to the end.',
    columns: [
      ['p50Ms', 'p50, ms'],
      ['p99Ms', 'p99, ms'],
      ['lowJobsLeft', 'LOW jobs left'],
    ],
  },
  {
    measure: 'raw',
    title: 'The raw limit',
    text:
      'The same NATS client without Jetfleet: for each job one message stored, consumed and ' +
      'acknowledged, and one event stored before the acknowledgement, until the work stream is empty. Writes go in atomic ' +
      'batches of 2,500 with 2 in flight, and 10,000 messages are prefetched, the fastest of 24 settings that ' +
      '`bench/raw-search.ts` tries. `all` does everything at once and is the raw limit; `publish` and `process` are its ' +
      'halves, each on its own. Jetfleet also stores no more than one event for a job that ends at once, but keeps its ' +
      'priorities, answers each add by itself and prefetches nothing.',
    columns: RATE,
    partHeading: 'what',
  },
  {
    measure: 'waiting',
    title: 'With jobs waiting',
    text:
      'Jobs of one priority are added on top of a backlog, one at a time from 256 callers, and then ' +
      'as many are processed, so that the backlog is what waits besides them.',
    columns: [
      ['processJobsPerSecond', 'processed, jobs/s'],
      ['addJobsPerSecond', 'added, jobs/s'],
    ],
    partHeading: 'jobs waiting',
  },
  {
    measure: 'monitors',
    title: 'Many monitors',
    text:
      'Instances that do not come to run, each watched by a `monitor_instance` job in one worker ' +
      'with 128 polls at once, against the simulated provider in a process of its own. A poll is ' +
      "either the job's own, late by the time of the record with which the worker took it up minus its " +
      '`nextRunAt`, or a read of its instance in between, late by when it ' +
      'came in. An own poll that has not come by the end counts as late as it is then. Memory is the ' +
      "highest that was seen, the server with its whole process tree; the worker's Node.js runs with " +
      '`--max-old-space-size=160 --max-semi-space-size=4`, without which its heap grows to three ' +
      'times what it holds.',
    columns: [
      ['latenessP50Ms', 'late p50, ms'],
      ['latenessP99Ms', 'late p99, ms'],
      ['latenessMaxMs', 'late max, ms'],
      ['polls', 'polls'],
      ['ownPolls', "the jobs' own"],
      ['providerCallsPerPoll', 'provider calls per poll'],
      ['slotsHeldMean', 'slots held, mean'],
      ['slotsHeldMax', 'slots held, max'],
      ['workerRssMiB', 'worker, MiB'],
      ['serverRssMiB', 'server, MiB'],
      ['clientCpuPercent', 'worker CPU, %'],
      ['serverCpuPercent', 'server CPU, %'],
    ],
  },
  {
    measure: 'lists',
    title: 'Lists over HTTP',
    text:
      'Pages of 50 finished jobs, one in ten of them failed, newest and oldest first, by status, type, ' +
      'priority, time and id, each followed by its cursor for up to 20 pages. One client, one page at a time. Then the first search of a process ' +
      'for the beginning of an id, which reads all ids, and first pages of later ones, with many fitting jobs, one and none.',
    columns: [
      ['pageP50Ms', 'page p50, ms'],
      ['pageP99Ms', 'page p99, ms'],
      ['pageMaxMs', 'page max, ms'],
      ['firstSearchMs', 'first search, ms'],
      ['searchP50Ms', 'search p50, ms'],
      ['searchMaxMs', 'search max, ms'],
      ['pages', 'pages'],
    ],
  },
  {
    measure: 'workers',
    title: 'Many workers',
    text:
      'Workers in processes of their own share 400 jobs a second of one type that do nothing, for 75 s after 10,000 jobs for each ' +
      'of them, by which their code is compiled: the start latency over all of them, on one clock, what the server sends to workers and producer for a job, and its CPU time. Before and after, ' +
      'nothing is added for 30 s: the CPU time of a worker and of the server, as shares of a core.',
    columns: [
      ['p50Ms', 'p50, ms'],
      ['p99Ms', 'p99, ms'],
      ['messagesOutPerJob', 'messages out a job'],
      ['workerCpuMicrosPerJob', 'workers CPU, us/job'],
      ['serverCpuMicrosPerJob', 'server CPU, us/job'],
      ['idleBeforePercent', 'a worker idle before, %'],
      ['idleAfterPercent', 'after, %'],
      ['serverIdleBeforePercent', 'server idle before, %'],
      ['serverIdleAfterPercent', 'after, %'],
    ],
    partHeading: 'workers',
  },
  {
    measure: 'unwatchedServer',
    title: 'The HTTP server when nobody looks',
    text:
      'A `jetfleet server` beside a worker that processes jobs that do nothing, without a client: its CPU ' +
      'time beside that of the worker and of nats-server. Nearly all of it is the history, which one server counts ' +
      'out of all events ([decision 70](decisions/0070-history-is-counted-by-its-readers.md)).',
    columns: [
      ['sharePercent', 'share, %'],
      ['httpCpuMicrosPerJob', 'HTTP server CPU, us/job'],
      ['jobCpuMicrosPerJob', 'job CPU, us/job'],
    ],
  },
];

export const PEER_STRENGTHS: readonly (readonly [peer: string, text: string])[] = [
  [
    'BullMQ',
    'rate limits over all workers, flows of parent and child jobs, de-duplication with debounce ' +
      'and throttle, sandboxed processors in processes or threads, clients for several languages, ' +
      'dashboards, and years of use in many products. With Redis in memory and no disk to wait for, ' +
      'its single adds need no batching to be fast.',
  ],
  [
    'graphile-worker',
    'a job can be added in the same transaction as the data that it is about, from SQL and from ' +
      'triggers; one PostgreSQL, which is there already, is all that must be run and backed up. Its ' +
      'local queue takes jobs off the database by the hundred, which Jetfleet does not do: a job ' +
      'that one worker holds in advance is out of reach for a more urgent one, and for other workers.',
  ],
  [
    'pg-boss',
    'jobs in the transaction of your data as well, with adapters for common ORMs, queue policies, ' +
      'flows, cron and RRULE schedules, a dashboard, and every job as a row that SQL can look at.',
  ],
];

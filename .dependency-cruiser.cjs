// The import arrows: jobs <- wire <- broker <- queue <- upkeep and inspect <- worker <- instances and webhooks <- doctor and http
// <- cli; machines stands on jobs alone. The engine (jobs to worker) knows nothing of instances, webhooks and providers.
// Each layer lists what it may import; anything else inside the repository is an error.
const layers = {
  'src/jobs': ['src/jobs'],
  'src/telemetry': ['src/telemetry', 'src/jobs'],
  machines: ['machines', 'src/jobs'],
  dashboard: ['dashboard', 'src/jobs', 'src/wire'],
  'src/wire': ['src/wire', 'src/jobs'],
  'src/broker': ['src/broker', 'src/wire', 'src/jobs', 'src/telemetry'],
  'src/queue': ['src/queue', 'src/broker', 'src/wire', 'src/jobs', 'src/telemetry'],
  'src/upkeep': ['src/upkeep', 'src/queue', 'src/broker', 'src/wire', 'src/jobs', 'src/telemetry'],
  'src/inspect': [
    'src/inspect',
    'src/queue',
    'src/broker',
    'src/wire',
    'src/jobs',
    'src/telemetry',
    'machines',
  ],
  'src/worker': [
    'src/worker',
    'src/inspect',
    'src/upkeep',
    'src/queue',
    'src/broker',
    'src/wire',
    'src/jobs',
    'src/telemetry',
    'machines',
  ],
  'src/gpu': ['src/gpu', 'src/jobs', 'src/telemetry'],
  'src/instances': [
    'src/instances',
    'src/gpu',
    'src/worker',
    'src/upkeep',
    'src/queue',
    'src/broker',
    'src/wire',
    'src/jobs',
    'src/telemetry',
    'machines',
  ],
  'src/webhooks': ['src/webhooks', 'src/worker', 'src/jobs', 'src/telemetry', 'machines'],
  'src/doctor': [
    'src/doctor',
    'src/instances',
    'src/gpu',
    'src/upkeep',
    'src/queue',
    'src/broker',
    'src/wire',
    'src/jobs',
    'src/telemetry',
  ],
  'src/http': ['src/http', 'src/inspect', 'src/queue', 'src/broker', 'src/wire', 'src/jobs', 'src/telemetry'],
};
const escapeSlashes = (path) => path.replaceAll('/', '\\/');
const inside = (folders) => `^(${folders.map(escapeSlashes).join('|')})\\/`;

module.exports = {
  forbidden: [
    ...Object.entries(layers).map(([layer, allowed]) => ({
      name: `arrows-${layer.replace('src/', '')}`,
      severity: 'error',
      comment: `${layer} may import only ${allowed.join(', ')}`,
      from: { path: inside([layer]) },
      to: { path: '^(src|machines|dashboard|test|examples)\\/', pathNot: inside(allowed) },
    })),
    {
      name: 'nats-only-in-broker',
      severity: 'error',
      comment: 'Only src/broker talks to NATS; everything else goes through it.',
      from: { pathNot: '^src\\/broker\\/' },
      to: { path: 'node_modules\\/(@nats-io|nats)\\/' },
    },
    {
      name: 'xstate-only-where-charts-run',
      severity: 'error',
      from: { pathNot: '^(machines|src\\/worker|src\\/inspect|src\\/instances|src\\/webhooks)\\/' },
      to: { path: 'node_modules\\/xstate\\/' },
    },
    {
      name: 'hono-only-in-http',
      severity: 'error',
      comment: 'Only src/http knows how requests are served.',
      from: { pathNot: '^src\\/http\\/' },
      to: { path: 'node_modules\\/(hono|@hono)\\/' },
    },
    {
      name: 'machines-without-io',
      severity: 'error',
      comment: 'Charts are pure: no Node built-ins.',
      from: { path: '^machines\\/' },
      to: { dependencyTypes: ['core'] },
    },
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};

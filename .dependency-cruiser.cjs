// The import arrows: jobs <- wire <- broker <- queue <- upkeep and inspect <- worker <- money <- instances <- webhooks <- doctor and http
// <- cli; machines stands on jobs alone. The engine (jobs to worker) knows job types as values, and nothing of instances,
// webhooks and providers: src/jetfleet.ts gives it those of the product.
// Each layer lists what it may import; anything else inside the repository is an error.
const toJobs = ['src/jobs', 'src/telemetry'];
const toQueue = ['src/queue', 'src/broker', 'src/wire', ...toJobs];
const layers = {
  'src/jobs': ['src/jobs'],
  'src/telemetry': toJobs,
  machines: ['machines', 'src/jobs'],
  dashboard: ['dashboard', 'src/jobs', 'src/wire'],
  'src/wire': ['src/wire', 'src/jobs'],
  'src/broker': ['src/broker', 'src/wire', ...toJobs],
  'src/embedded': ['src/embedded', 'src/broker', ...toJobs],
  'src/queue': toQueue,
  'src/upkeep': ['src/upkeep', ...toQueue],
  'src/inspect': ['src/inspect', 'machines', ...toQueue],
  'src/worker': ['src/worker', 'src/inspect', 'src/upkeep', 'machines', ...toQueue],
  'src/money': ['src/money', ...toQueue],
  'src/gpu': ['src/gpu', ...toJobs],
  'src/instances': [
    'src/instances',
    'src/gpu',
    'src/money',
    'src/worker',
    'src/upkeep',
    'machines',
    ...toQueue,
  ],
  'src/webhooks': ['src/webhooks', 'src/instances', 'src/worker', 'machines', ...toQueue],
  'src/doctor': ['src/doctor', 'src/instances', 'src/gpu', 'src/upkeep', ...toQueue],
  'src/outbox': ['src/outbox', ...toQueue],
  'src/opentelemetry': ['src/opentelemetry', 'src/worker', ...toQueue],
  'src/testing': ['src/testing', 'src/embedded', 'src/worker', 'src/jetfleet.ts', ...toQueue],
  'src/http': [
    'src/http',
    'src/webhooks',
    'src/instances',
    'src/money',
    'src/inspect',
    'src/upkeep',
    ...toQueue,
  ],
};
/** What charts and the dashboard may know of the product's jobs: the types of their payloads and results. */
const schemas = '^src\\/(instances|webhooks)\\/schemas\\.ts$';
const mayKnowTypes = ['machines', 'dashboard'];
const engine = ['src/jobs', 'src/wire', 'src/broker', 'src/queue', 'src/upkeep', 'src/inspect', 'src/worker'];
const escapeSlashes = (path) => path.replaceAll('/', '\\/');
const inside = (folders) => `^(${folders.map(escapeSlashes).join('|')})(\\/|$)`;

module.exports = {
  forbidden: [
    ...Object.entries(layers).map(([layer, allowed]) => ({
      name: `arrows-${layer.replace('src/', '')}`,
      severity: 'error',
      comment: `${layer} may import only ${allowed.join(', ')}`,
      from: { path: inside([layer]) },
      to: {
        path: '^(src|machines|dashboard|test|examples)\\/',
        pathNot: mayKnowTypes.includes(layer) ? `${inside(allowed)}|${schemas}` : inside(allowed),
      },
    })),
    {
      name: 'schemas-as-types',
      severity: 'error',
      comment: 'Charts and the dashboard know the jobs of the product by their types alone.',
      from: { path: inside(mayKnowTypes) },
      to: { path: schemas, dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'engine-without-product',
      severity: 'error',
      comment: 'The engine is given job types as values, and imports none.',
      from: { path: inside(engine) },
      to: {
        path: '^src\\/(instances|money|webhooks|gpu|outbox|testing|http|cli|doctor|opentelemetry|[a-z-]+\\.ts$)',
      },
    },
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
      from: {
        pathNot: '^(machines|src\\/worker|src\\/inspect|src\\/instances|src\\/webhooks|src\\/testing)\\/',
      },
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
    {
      name: 'opentelemetry-only-where-asked-for',
      severity: 'error',
      comment: 'The engine knows the interface of src/telemetry/tracing.ts alone, and loads nothing.',
      from: { pathNot: '^(src\\/opentelemetry|test)\\/' },
      to: { path: 'node_modules\\/@opentelemetry\\/' },
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

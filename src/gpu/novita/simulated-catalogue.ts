/** What the simulated provider rents out. Prices are 1/100,000 USD per hour, as Novita's are. */

/** The logins for private registries that the account has stored. */
export const REGISTRY_AUTHS = [
  {
    id: '75irlsvvsehnqdajg2r481mjk54ecodc',
    name: 'team registry',
    username: 'robot',
    password: 'registry-password',
  },
];

/** What every template has unless it says otherwise. */
const PLAIN = { imageAuth: '', startCommand: '', entrypoint: '', minCudaVersion: '', tools: [], volumes: [] };

/** One cluster per region, the code of which its name begins with. The ids are in Novita's two styles. */
export const CLUSTERS = [
  { id: 'cn-hongkong-1', name: 'CN-HK-01 (Hong Kong)' },
  { id: 'us-west-1', name: 'US-WEST-01 (Oregon)' },
  { id: 'eu-west-1', name: 'EU-WEST-01 (Ireland)' },
  { id: 'as-sgp-2', name: 'AS-SGP-02 (Singapore)' },
  { id: 'as-in-1', name: 'AS-IN-01 (India)' },
  { id: 'us-ca-6', name: 'US-CA-06 (California)' },
  { id: 'eu-de-1', name: 'EU-DE-01 (Germany)' },
  { id: 'oc-au-1', name: 'OC-AU-01 (Australia)' },
];

const everywhere = CLUSTERS.map(({ id }) => id);

/**
 * Two products share the name `RTX 4090 24GB`, and a third contains it, as in the real catalogue.
 * One without a `spotPrice` is not rented as a spot instance.
 */
export const PRODUCTS = [
  { id: 'prod-4090', name: 'RTX 4090 24GB', clusterIds: everywhere, price: 35_000, spotPrice: 18_000 },
  {
    id: 'prod-4090-b',
    name: 'RTX 4090 24GB',
    clusterIds: ['cn-hongkong-1', 'us-ca-6'],
    price: 33_000,
    spotPrice: 20_000,
  },
  {
    id: 'prod-4090-hm',
    name: 'RTX 4090 24GB HIGH-MEM',
    clusterIds: everywhere,
    price: 20_000,
    spotPrice: 9_000,
  },
  { id: 'prod-3090', name: 'RTX 3090 24GB', clusterIds: everywhere, price: 21_000, spotPrice: 11_000 },
  {
    id: 'prod-a100',
    name: 'A100 SXM4 80GB',
    clusterIds: ['us-west-1', 'us-ca-6', 'eu-de-1'],
    price: 160_000,
    spotPrice: 80_000,
  },
  { id: 'prod-h100', name: 'H100 SXM 80GB', clusterIds: ['us-ca-6', 'eu-de-1', 'as-sgp-2'], price: 256_000 },
  {
    id: 'prod-l40s',
    name: 'L40S 48GB',
    clusterIds: ['eu-west-1', 'us-west-1'],
    price: 55_000,
    spotPrice: 28_000,
  },
];

export const TEMPLATES = [
  {
    ...PLAIN,
    Id: 'template-123',
    name: 'PyTorch 2.7',
    image: 'docker.io/pytorch/pytorch:2.7.0-cuda12.8-cudnn9-runtime',
    ports: [
      { type: 'http', ports: [8888] },
      { type: 'tcp', ports: [22] },
    ],
    envs: [{ key: 'JUPYTER_PORT', value: '8888' }],
  },
  {
    ...PLAIN,
    Id: 'template-vllm',
    name: 'vLLM',
    image: 'docker.io/vllm/vllm-openai:v0.11.0',
    startCommand: '--model Qwen/Qwen3-0.6B --port 8000',
    entrypoint: 'vllm serve',
    minCudaVersion: '12.8',
    ports: [{ type: 'http', ports: [8000] }],
    envs: [],
    tools: [{ name: 'Jupyter', describe: 'a notebook', port: 8889, type: 'http' }],
    volumes: [
      { type: 'local', size: 20, mountPath: '/workspace' },
      { type: 'network', id: 'storage-1', size: 100, mountPath: '/models' },
    ],
  },
  {
    ...PLAIN,
    Id: 'template-private',
    name: 'private registry',
    image: 'registry.example.com/team/worker:1',
    imageAuth: '75irlsvvsehnqdajg2r481mjk54ecodc',
    ports: [],
    envs: [{ key: 'MODE', value: 'batch' }],
  },
];

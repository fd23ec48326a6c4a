/**
 * A simulated provider in a process of its own, so that its work is not counted as the worker's. It is sent how
 * many instances to make, and answers with a `SimulatorReady`; then, to any message, with the number of API
 * calls so far. It ends with the process that started it.
 */
import { createNovitaProvider, INSTANCE_NAME_PREFIX, startSimulator } from 'jetfleet/gpu';
import type { SimulatorReady } from './measures/simulator-process.js';

const NEVER_MS = 7 * 24 * 60 * 60 * 1_000;
const CREATES_AT_ONCE = 20;
const QUERY = { productName: 'RTX 4090 24GB', region: 'CN-HK-01', gpuNum: 1, billingMode: 'spot' } as const;

async function makeInstances(count: number): Promise<SimulatorReady> {
  const simulator = await startSimulator({ timings: { runningAfterMs: NEVER_MS } });
  const provider = createNovitaProvider({ apiKey: simulator.apiKey, baseUrl: simulator.url });
  const [template, [offer]] = await Promise.all([
    provider.getTemplate('template-123'),
    provider.listOffers(QUERY),
  ]);
  if (!offer) throw new Error('the simulator offers nothing to rent');
  const instanceIds: string[] = [];
  const indexes = Array.from({ length: count }, (_, index) => index).values();
  const creator = async () => {
    for (const index of indexes) {
      const name = `${INSTANCE_NAME_PREFIX}bench-${index}`;
      const spec = { name, offer, template, gpuNum: 1, rootfsSize: 60 };
      instanceIds.push((await provider.create(spec)).providerInstanceId);
    }
  };
  await Promise.all(Array.from({ length: CREATES_AT_ONCE }, creator));
  process.on('message', () => process.send?.(simulator.requests.count()));
  return { url: simulator.url, apiKey: simulator.apiKey, instanceIds };
}

process.once('disconnect', () => process.exit());
process.once('message', (count) => {
  makeInstances(Number(count)).then(
    (ready) => process.send?.(ready),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
});

import type { Broker } from '../broker/broker.js';
import type { Drift } from '../broker/drift.js';
import { PRIORITIES } from '../jobs/vocabulary.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Streams and consumers that are missing or differ, without changing any. */
export async function checkStreams(broker: Broker): Promise<Diagnosis[]> {
  const { topology } = broker;
  const types = await handledTypes(broker);
  const { missing, drift } = await topology.inspect(types);
  return [
    ...missing.map((target) =>
      diagnose(
        target.startsWith('stream') ? 'stream_missing' : 'consumer_missing',
        target,
        'it does not exist',
        async () => {
          await topology.ensure(types);
          return 'created';
        },
      ),
    ),
    ...drift.map((each) => driftOf(broker, each)),
  ];
}

/** The types that some worker has registered: those that have a consumer. */
export async function handledTypes({ topology }: Broker): Promise<string[]> {
  const consumers = await Promise.all([
    topology.consumers('jobs').catch(() => []),
    topology.consumers('webhooks').catch(() => []),
  ]);
  const types = consumers.flat().flatMap(({ name }) => {
    const priority = PRIORITIES.find((each) => name.endsWith(`-${each}`));
    return priority ? [name.slice(0, -priority.length - 1)] : [];
  });
  return [...new Set(types)];
}

function driftOf({ topology }: Broker, drift: Drift): Diagnosis {
  const { target, field, have, want, severity } = drift;
  const what = `${field} is ${JSON.stringify(have) ?? 'not set'} and should be ${JSON.stringify(want)}`;
  // Somebody's own choice of retention or replicas is not ours to undo.
  if (severity === 'advice') return diagnose('setting_drift', target, what);
  const code = target.startsWith('stream') ? 'stream_drift' : 'consumer_drift';
  return diagnose(code, target, what, async () => {
    await topology.apply(drift);
    return `${field} set to ${JSON.stringify(want)}`;
  });
}

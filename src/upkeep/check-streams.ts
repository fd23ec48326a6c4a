import type { Broker } from '../broker/broker.js';
import { type Drift, isForeign, OTHER_NAMESPACE } from '../broker/topology/drift.js';
import { STREAM_NOT_FOUND, unlessMissing } from '../broker/topology/manager.js';
import { assertAllowed } from '../broker/topology/report.js';
import { EXTRA_KINDS, WORK_KINDS } from '../wire/subjects.js';
import { type Diagnosis, diagnose } from './finding.js';

/** What the server refuses to change on a stream or consumer that exists (measured with nats-server 2.15). */
const FIXED: ReadonlySet<string> = new Set(['storage', 'deliver_policy', 'ack_policy']);

export async function checkStreams(broker: Broker): Promise<Diagnosis[]> {
  const { topology } = broker;
  const types = await handledTypes(broker);
  const needed = await topology.inspect(types);
  // Those that nobody has used yet are not missed.
  const extra = await topology.extra(EXTRA_KINDS, false);
  const { missing } = needed;
  const drift = [...needed.drift, ...extra.drift];
  const singleCopies = [...needed.singleCopies, ...extra.singleCopies];
  const foreign = new Set(drift.filter(isForeign).map(({ target }) => target));
  return [
    ...missing.map((target) =>
      diagnose(
        target.startsWith('stream') ? 'stream_missing' : 'consumer_missing',
        target,
        'it does not exist',
        async () => {
          assertAllowed(await topology.ensure(types));
          return 'created';
        },
      ),
    ),
    ...drift.map((each) => driftOf(broker, each, foreign.has(each.target))),
    ...singleCopies.map((target) =>
      diagnose(
        'copies_low',
        target,
        'it has one copy in a cluster; set the number of copies with --replicas',
      ),
    ),
  ];
}

/** The types that some worker has registered: those that have a consumer. */
export async function handledTypes({ topology, subjects }: Broker): Promise<string[]> {
  const consumers = await Promise.all(
    WORK_KINDS.map((kind) => unlessMissing([STREAM_NOT_FOUND], () => topology.consumers(kind))),
  );
  const types = consumers.flatMap((each = []) => each.map(({ name }) => subjects.parseConsumer(name)?.type));
  return [...new Set(types.filter((type) => type !== undefined))];
}

function driftOf({ topology }: Broker, drift: Drift, isForeignStream: boolean): Diagnosis {
  const { target, field, have, want, severity } = drift;
  const what = `${field} is ${JSON.stringify(have) ?? 'not set'} and should be ${JSON.stringify(want)}`;
  if (field === 'num_replicas' && Number(have ?? 1) < Number(want) && !isForeignStream) {
    return diagnose('copies_low', target, what, async () => {
      await topology.apply(drift);
      return `${want} copies`;
    });
  }
  // Somebody's own choice of retention is not ours to undo, nor are copies beyond those that were asked for.
  if (severity === 'advice') return diagnose('setting_drift', target, what);
  const code = target.startsWith('stream') ? 'stream_drift' : 'consumer_drift';
  if (isForeignStream)
    return diagnose(code, target, `${what}: Jetfleet did not create it; ${OTHER_NAMESPACE}`);
  if (isFixed(drift)) {
    return diagnose(code, target, `${what}, which cannot be changed in place; ${OTHER_NAMESPACE}`);
  }
  return diagnose(code, target, what, async () => {
    await topology.apply(drift);
    return `${field} set to ${JSON.stringify(want)}`;
  });
}

function isFixed({ field, have, want }: Drift): boolean {
  if (field === 'retention') return have === 'workqueue' || want === 'workqueue';
  return FIXED.has(field);
}

import type { Faults } from './faults.js';
import type { InstanceSpec, SimulatedInstance, SimulatedInstances } from './instances.js';
import { type Answer, namesOf, RESET, type Reply } from './wire.js';

/** What is to be rented; the faults decide the rest. */
export type RentSpec = Pick<
  InstanceSpec,
  'id' | 'name' | 'gpuNum' | 'isSpot' | 'ports' | 'product' | 'cluster' | 'wire'
>;

/** How a provider answers a create. */
export interface CreateAnswers {
  created: (instance: SimulatedInstance) => Answer;
  taken: (status: number) => Answer;
  noCapacity: Answer;
  failed: (status: number) => Answer;
}

/** Rents an instance, or what the faults make of it. */
export function rent(
  instances: SimulatedInstances,
  faults: Faults,
  spec: RentSpec,
  answers: CreateAnswers,
): Reply {
  const target = namesOf({ name: spec.name, product: spec.product, cluster: spec.cluster });
  const isTaken = () => instances.live().some(({ name }) => name === spec.name);
  const taken = faults.take('name_taken', target, isTaken);
  if (taken) return answers.taken(taken.status);
  if (faults.take('no_capacity', target)) return answers.noCapacity;
  const startFailure = faults.take('start_failed', target)?.message;
  const unhealthy = faults.take('unhealthy', target);
  const instance = instances.create({
    ...spec,
    stuckPulling: faults.take('stuck_pulling', target) !== undefined,
    ...(startFailure !== undefined && { startFailure }),
    ...(unhealthy && { unhealthy }),
    listLagMs: faults.take('list_lag', target)?.lagMs ?? 0,
    readLagMs: faults.take('read_lag', target)?.lagMs ?? 0,
  });
  if (faults.take('reset_after_create', target)) return RESET;
  const error = faults.take('error_after_create', target);
  return error ? answers.failed(error.status) : answers.created(instance);
}

/** Deletes an instance at once, or later where a fault says so. */
export function remove(instances: SimulatedInstances, faults: Faults, instance: SimulatedInstance): void {
  if (instance.order === 'delete') return;
  const lag = faults.take('delete_lag', namesOf(instance));
  if (lag) instances.deleteLater(instance, lag.lagMs);
  else instances.order(instance, 'delete');
}

/** Takes the instances away that a fault lets disappear, or lets their provider take back. */
export function applyOutside(instances: SimulatedInstances, faults: Faults): void {
  // Looking at every instance for each request would make many instances slow.
  if (!faults.has('vanish') && !faults.has('spot_interrupted')) return;
  for (const instance of instances.all()) {
    const ageMs = Date.now() - instance.createdAtMs;
    const isOld = ({ afterMs }: { afterMs: number }) => ageMs >= afterMs;
    if (faults.take('vanish', namesOf(instance), isOld)) instances.vanish(instance);
    const isFree = instance.isSpot && instances.status(instance) === 'running' && !instance.reclaimAtMs;
    const reclaim = isFree ? faults.take('spot_interrupted', namesOf(instance), isOld) : undefined;
    if (reclaim) instances.reclaim(instance, reclaim.noticeMs);
  }
}

/** The instances that lists show by now. */
export function listedNow(instances: SimulatedInstances): SimulatedInstance[] {
  const now = Date.now();
  return instances.all().filter(({ createdAtMs, listLagMs }) => now - createdAtMs >= listLagMs);
}

/** An instance that a single read shows by now. */
export function readNow(instances: SimulatedInstances, id: string): SimulatedInstance | undefined {
  const instance = instances.find(id);
  return instance && Date.now() - instance.createdAtMs >= instance.readLagMs ? instance : undefined;
}

/** Whether a region has none of a product, by the faults that hide it from offers. */
export function isHidden(faults: Faults, spec: Pick<RentSpec, 'product' | 'cluster'>): boolean {
  return faults.find('no_capacity', namesOf(spec), ({ advertised }) => !advertised) !== undefined;
}

import type { Broker } from '../broker/broker.js';
import { inParts } from '../jobs/in-parts.js';
import { OBJECT, referencesOf } from '../jobs/stored-object.js';
import { findJob } from '../queue/job-lookup.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Jobs of one check, from a random one on: the next checks see the others. */
const MAX_JOBS = 10_000;
const PARALLEL = 64;
/** Whoever stores an object stores its job next, which may take a while at a broker that is busy. */
const GRACES = 10;

/**
 * Finds objects that no job holds: its record has expired, it was never stored since its adder died, or it has another payload now. Whoever
 * removes a job removes its objects.
 */
export async function checkObjects(broker: Broker, graceMs: number): Promise<Diagnosis[]> {
  const byJob = new Map<string, string[]>();
  for (const { id, name } of await broker.extra.objects.list())
    byJob.set(id, [...(byJob.get(id) ?? []), name]);
  const jobs = [...byJob];
  const start = jobs.length > MAX_JOBS ? Math.floor(Math.random() * jobs.length) : 0;
  const looked = [...jobs.slice(start), ...jobs.slice(0, start)].slice(0, MAX_JOBS);
  const beforeMs = broker.clock.now() - GRACES * graceMs;
  return (await inParts(looked, PARALLEL, ([id, names]) => examine(broker, id, names, beforeMs))).flat();
}

async function examine(
  broker: Broker,
  id: string,
  names: readonly string[],
  beforeMs: number,
): Promise<Diagnosis[]> {
  const held = await heldBy(broker, id);
  const found: Diagnosis[] = [];
  for (const name of names) {
    if (held.has(name)) continue;
    const storedMs = (await broker.extra.objects.storedAt(id, name)) ?? Number.POSITIVE_INFINITY;
    if (storedMs > beforeMs) continue;
    const since = new Date(storedMs).toISOString();
    const message = `${name} is stored since ${since}, and no job holds it`;
    found.push(diagnose('object_left_over', id, message, () => remove(broker, id, name), { since }));
  }
  return found;
}

/** It may be held by now. */
async function remove(broker: Broker, id: string, name: string): Promise<string> {
  if ((await heldBy(broker, id)).has(name)) throw new Error('the job holds it by now');
  await broker.extra.objects.remove(id, name);
  return `${name} is removed`;
}

async function heldBy(broker: Broker, id: string): Promise<ReadonlySet<string>> {
  const job = await findJob(broker, id);
  return new Set(job && referencesOf(job).map((reference) => reference[OBJECT]));
}

import type { Broker } from '../broker/broker.js';
import { type Diagnosis, diagnose } from './finding.js';

/** Finds consumers that are paused, or not, against the list of pauses. Where there is no list, a paused one is somebody's own choice. */
export async function checkPauses({ topology }: Broker): Promise<Diagnosis[]> {
  const { pauses } = topology;
  const { drifted, isListed } = await pauses.compare();
  return drifted.map(({ target, isPaused }) => {
    const what = isPaused
      ? 'it is paused, and no pause covers it'
      : 'a pause covers it, and it is not paused';
    const mend = async () => {
      await pauses.hold();
      return isPaused ? 'resumed' : 'paused';
    };
    return diagnose('pause_drift', target, what, isListed ? mend : undefined);
  });
}

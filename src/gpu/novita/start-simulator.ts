import { Simulator, type SimulatorOptions } from '../simulator/simulator.js';
import { SimulatedNovita } from './simulated-novita.js';

/**
 * Starts a simulated provider that speaks Novita's API v1.
 * @throws Error when the port cannot be used
 */
export function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  return Simulator.start((instances, faults) => new SimulatedNovita(instances, faults), options);
}

import type { Sizes } from '../sizes.js';
import type { Figures, ServerAddress, Unit } from '../unit.js';

export interface MeasureContext {
  unit: Unit;
  server: ServerAddress;
  sizes: Sizes;
}

/** Carries out one measurement against an empty server. */
export type Measure = (context: MeasureContext) => Promise<Figures>;

import { DURABILITIES, MEASURES, type MeasureName, nameOf, SYSTEMS, type Unit } from './unit.js';

const KINDS = { measure: MEASURES, system: SYSTEMS, durability: DURABILITIES } as const;
/** Every name that `--only` takes. */
export const SELECTABLE: readonly string[] = Object.values(KINDS).flat();
/** Measures whose figures are compared with each other. */
const COMPARED: readonly (readonly MeasureName[])[] = [['process', 'raw']];

/**
 * The units that fit the names. Names of one kind add up, those of different kinds restrict one another:
 * `jetfleet`, `bullmq` and `add` are the adds of the two.
 * @throws RangeError for a name that is none
 */
export function selectUnits(units: readonly Unit[], names: readonly string[]): Unit[] {
  const unknown = names.find((name) => !SELECTABLE.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(`--only ${unknown} must be one of ${SELECTABLE.join(', ')}`);
  }
  return units.filter((unit) =>
    (Object.keys(KINDS) as (keyof typeof KINDS)[]).every((kind) => {
      const wanted = names.filter((name) => (KINDS[kind] as readonly string[]).includes(name));
      return wanted.length === 0 || wanted.includes(unit[kind]);
    }),
  );
}

/**
 * A ratio is of figures of one run, so what is stored of a run is whole measures.
 * @throws RangeError for a part of one
 */
export function assertWholeMeasures(selected: readonly Unit[], all: readonly Unit[]): void {
  const measures = new Set(selected.map(({ measure }) => measure));
  const together = COMPARED.filter((each) => each.some((measure) => measures.has(measure))).flat();
  const wanted = all.filter(({ measure }) => measures.has(measure) || together.includes(measure));
  const missing = wanted.find((unit) => !selected.includes(unit));
  if (missing)
    throw new RangeError(`--write stores whole measures, and --only leaves out ${nameOf(missing)}`);
}

import { DURABILITIES, MEASURES, SYSTEMS, type Unit } from './unit.js';

const KINDS = { measure: MEASURES, system: SYSTEMS, durability: DURABILITIES } as const;
/** Every name that `--only` takes. */
export const SELECTABLE: readonly string[] = Object.values(KINDS).flat();

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

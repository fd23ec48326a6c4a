import type { Summary } from '../statistics.js';
import { DURABILITIES, type Durability, type MeasureName, SYSTEMS, type SystemName } from '../unit.js';

/** The figures of one measure that belong together: those of one system, or of one part of a measure. */
export interface FigureRow {
  durability: Durability;
  system: SystemName;
  /** A backlog of `waiting`, a number of `workers`, a half of `raw`. */
  part?: string;
  figures: Record<string, Summary>;
}

/** Rows of a measure by durability, system and part, each in the order in which the benchmark names them. */
export function figureRows(figures: Record<string, Summary>, measure: MeasureName): FigureRow[] {
  const rows = new Map<string, FigureRow>();
  for (const [key, summary] of Object.entries(figures)) {
    const [durability, system, of, ...rest] = key.split('.');
    const name = rest.pop();
    if (of !== measure || name === undefined) continue;
    const [part] = rest;
    const id = [durability, system, part].join('.');
    const row = rows.get(id) ?? {
      durability: durability as Durability,
      system: system as SystemName,
      ...(part !== undefined && { part }),
      figures: {},
    };
    row.figures[name] = summary;
    rows.set(id, row);
  }
  return [...rows.values()].sort(
    (a, b) =>
      DURABILITIES.indexOf(a.durability) - DURABILITIES.indexOf(b.durability) ||
      SYSTEMS.indexOf(a.system) - SYSTEMS.indexOf(b.system) ||
      Number(a.part ?? 0) - Number(b.part ?? 0) ||
      0,
  );
}

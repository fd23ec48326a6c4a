import { ratiosOf } from '../ratios.js';
import type { BenchResult } from '../result.js';
import type { MeasureName } from '../unit.js';

/** A stored result with some measures measured again, each with the day of its own run. */
export function withPart(stored: BenchResult, part: BenchResult): BenchResult {
  const measures = new Set(Object.keys(part.figures).map(measureOf));
  const kept = Object.entries(stored.figures).filter(([name]) => !measures.has(measureOf(name)));
  const figures = { ...Object.fromEntries(kept), ...part.figures };
  const dates = [...measures].map((measure) => [measure, part.date]);
  return {
    ...stored,
    sizes: part.sizes,
    figures,
    ratios: ratiosOf(figures, part.sizes),
    apart: { ...stored.apart, ...Object.fromEntries(dates) },
    failures: [...stored.failures.filter(({ unit }) => !measures.has(measureOf(unit))), ...part.failures],
  };
}

function measureOf(name: string): MeasureName {
  return name.split('.')[2] as MeasureName;
}

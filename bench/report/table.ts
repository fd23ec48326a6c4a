import type { BenchResult } from '../result.js';
import { inDigits } from './number-text.js';

/** Every figure and ratio as plain text in columns. */
export function resultTable({ figures, ratios, failures }: BenchResult): string {
  const rows = Object.entries(figures)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { median, min, max }]) => [name, ...[median, min, max].map(inDigits)]);
  const ratioRows = Object.entries(ratios).map(([name, ratio]) => [name, inDigits(ratio)]);
  return [
    ...columns([['figure', 'median', 'min', 'max'], ...rows]),
    '',
    ...columns([['ratio of medians', ''], ...ratioRows]),
    ...failures.map(({ unit, message }) => `FAILED ${unit}: ${message.split('\n')[0]}`),
    '',
  ].join('\n');
}

/** The first column to the left, the others to the right. */
function columns(rows: readonly string[][]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const cell = (text: string, column: number) =>
    column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(cell).join('  ').trimEnd());
}

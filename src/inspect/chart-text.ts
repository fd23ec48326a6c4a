/** How much room text takes in a drawing. Nothing can be measured here, so widths are those of a wide sans-serif. */
import { clipTo } from '../jobs/excerpt.js';
import type { ChartEdge } from './chart.js';

export const FONT = { title: 13, detail: 11, label: 11 } as const;
export const LINE_HEIGHT = 14;
const MAX_LINE = 30;
const MAX_TEXT = 60;
const NARROW = /[ijlrtfI.,:;'|()[\]/ ]/;
const WIDE = /[mwMW@%]/;

/** Pixels at a font size; a little too many rather than too few. */
export function textWidth(text: string, fontSize: number): number {
  let ems = 0;
  for (const char of text) {
    if (char > '\u02ff') ems += 1;
    else if (NARROW.test(char)) ems += 0.36;
    else if (WIDE.test(char)) ems += 0.95;
    else if (/[A-Z]/.test(char)) ems += 0.74;
    else ems += 0.62;
  }
  return Math.ceil(ems * fontSize);
}

export function widestLine(lines: readonly string[], fontSize: number): number {
  return Math.max(0, ...lines.map((line) => textWidth(line, fontSize)));
}

/** Text in at most `length` characters. */
export function cut(text: string, length = MAX_TEXT): string {
  return clipTo(text.replaceAll(/\s+/g, ' '), length);
}

/**
 * The event alone. Of a state that invokes one actor, `done` is its end: the box names it.
 * @param invokes the actors of the state that the edge leads from
 */
export function shortLabel({ label }: ChartEdge, invokes: readonly string[]): string[] {
  const [only] = invokes;
  const isItsEnd = invokes.length === 1 && (label === `${only} done` || label === `${only} error`);
  const text = isItsEnd ? label.slice(`${only} `.length) : label;
  return text ? [cut(text, MAX_LINE)] : [];
}

/** `event [guard]` over `/ actions`, on as many lines as are needed. */
export function labelLines({ label, guard, actions }: ChartEdge): string[] {
  const words = [
    ...(label ? [cut(label)] : []),
    ...(guard === undefined ? [] : [`[${cut(guard)}]`]),
    ...actions.map(
      (action, index) => `${index === 0 ? '/ ' : ''}${cut(action)}${index < actions.length - 1 ? ',' : ''}`,
    ),
  ];
  const lines: string[] = [];
  for (const word of words) {
    const last = lines.at(-1);
    if (last !== undefined && `${last} ${word}`.length <= MAX_LINE)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

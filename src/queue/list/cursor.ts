/** Where a page of a list ended: its order, the group of sources that was being read, and how far each of these was read. */
import { invalidOption } from '../../jobs/errors.js';
import { quoted } from '../../jobs/excerpt.js';

/** A sequence, {@link START} or {@link END}. */
export type Position = string;

export const START: Position = '';
/** Nothing is left of a source. */
export const END: Position = 'e';

export interface Place {
  group: number;
  /** One for each source of the group. */
  positions: readonly Position[];
}

/** `n0.512.e.` is the first group of the order `n`: up to 512, at the end, not begun. */
const CURSOR = /^([a-z])(\d{1,3})((?:\.(?:\d{1,16}|e|))+)$/;

export function encodeCursor(order: string, { group, positions }: Place): string {
  return `${order}${group}.${positions.join('.')}`;
}

/**
 * @param sizes how many sources each group of the order has
 * @throws ValidationError `JETFLEET_OPTION_INVALID` for a cursor of another order or other sources
 */
export function decodeCursor(cursor: string, order: string, sizes: readonly number[]): Place {
  const [, letter, digits, rest = ''] = CURSOR.exec(cursor) ?? [];
  const group = Number(digits);
  const positions = rest.slice(1).split('.');
  if (letter === order && sizes[group] === positions.length) return { group, positions };
  throw invalidOption(
    `cursor ${quoted(cursor)} is not of this list; pass the one of the page before, with the same filter`,
  );
}

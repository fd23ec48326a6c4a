import { centreOf, isWithin, type Point, type Rect } from './chart-geometry.js';

/** The end of a line at a box; where exactly is decided when all ends at the box are known. */
interface End {
  box: Rect;
  side: 'top' | 'bottom' | 'left' | 'right';
  /** Where on the side the line would like to end. */
  wish: number;
  place: (at: Point) => void;
}

/** A line between two boxes, by its bends. */
export interface Route {
  from: Rect;
  to: Rect;
  bends: Point[];
}

const BETWEEN_ENDS = 16;
const CORNER = 8;

/** Gives every line its two ends, next to each other where several end on one side of a box. */
export function routeLines(routes: readonly Route[]): Point[][] {
  const ends: End[] = [];
  const drawn = routes.map(({ from, to, bends }) => {
    const kept = outside(bends, from, to);
    const first = kept[0] ?? centreOf(to);
    const last = kept.at(-1) ?? centreOf(from);
    const points: Point[] = [first, ...kept, last];
    ends.push(endOf(from, first, false, (at) => (points[0] = at)));
    ends.push(endOf(to, last, true, (at) => (points[points.length - 1] = at)));
    return points;
  });
  spread(ends);
  return drawn;
}

/** Bends inside the box that a line leaves or reaches say nothing; those inside a box that it stays in do. */
function outside(bends: readonly Point[], from: Rect, to: Rect): Point[] {
  const isInner = (rect: Rect, other: Rect) => isWithin(centreOf(rect), other);
  let kept = [...bends];
  if (!isInner(to, from)) {
    const left = kept.findLastIndex((bend) => isWithin(bend, from));
    kept = kept.slice(left + 1);
  }
  if (!isInner(from, to)) {
    const reached = kept.findIndex((bend) => isWithin(bend, to));
    if (reached >= 0) kept = kept.slice(0, reached);
  }
  return kept;
}

function endOf(box: Rect, next: Point, isTarget: boolean, place: (at: Point) => void): End {
  const { x, y, width, height } = box;
  // From within a box, a line begins where the box does, and ends there too.
  if (isWithin(next, box)) return { box, side: 'top', wish: next.x, place };
  const vertical = next.y <= y ? 'top' : next.y >= y + height ? 'bottom' : undefined;
  const horizontal = next.x <= x ? 'left' : next.x >= x + width ? 'right' : undefined;
  const side = vertical ?? horizontal ?? (isTarget ? 'top' : 'bottom');
  return { box, side, wish: side === 'top' || side === 'bottom' ? next.x : next.y, place };
}

function spread(ends: readonly End[]): void {
  for (const box of new Set(ends.map((end) => end.box))) {
    for (const side of ['top', 'bottom', 'left', 'right'] as const) {
      place(
        box,
        side,
        ends.filter((end) => end.box === box && end.side === side),
      );
    }
  }
}

function place({ x, y, width, height }: Rect, side: End['side'], ends: End[]): void {
  const isLevel = side === 'top' || side === 'bottom';
  const [start, length] = isLevel ? [x, width] : [y, height];
  const sorted = ends.toSorted((a, b) => a.wish - b.wish);
  const room = length - 2 * CORNER;
  const gap = Math.min(BETWEEN_ENDS, room / Math.max(1, sorted.length - 1));
  const min = start + CORNER;
  const at = sorted.map(({ wish }) => Math.min(Math.max(wish, min), min + room));
  for (let index = 1; index < at.length; index++)
    at[index] = Math.max(at[index] ?? 0, (at[index - 1] ?? 0) + gap);
  let limit = min + room;
  for (let index = at.length - 1; index >= 0; index--) {
    at[index] = Math.min(at[index] ?? 0, limit);
    limit = (at[index] ?? 0) - gap;
  }
  sorted.forEach((end, index) => {
    const along = at[index] ?? start;
    if (side === 'top') end.place({ x: along, y });
    else if (side === 'bottom') end.place({ x: along, y: y + height });
    else if (side === 'left') end.place({ x, y: along });
    else end.place({ x: x + width, y: along });
  });
}

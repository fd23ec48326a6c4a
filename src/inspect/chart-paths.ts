import type { Bend, Point } from './chart-geometry.js';

const HEAD = { length: 8, width: 7 };
const ROUND = 6;

/** The `d` of a path through points, with round corners. */
export function linePath(points: readonly Bend[]): string {
  return points
    .map((point, index) => {
      const [before, next] = [points[index - 1], points[index + 1]];
      if (!before || point.afterGap) return `M${at(point)}`;
      return next && !next.afterGap ? corner(before, point, next) : `L${at(point)}`;
    })
    .join('');
}

/** The triangle at the end of a path. */
export function arrowHead(points: readonly Point[]): string {
  const [before, tip] = points.slice(-2);
  if (!tip || !before) return '';
  const [x, y] = unit(before, tip);
  const back = { x: tip.x - x * HEAD.length, y: tip.y - y * HEAD.length };
  const half = HEAD.width / 2;
  const left = { x: back.x - y * half, y: back.y + x * half };
  const right = { x: back.x + y * half, y: back.y - x * half };
  return `<path class="head" d="M${at(tip)}L${at(left)}L${at(right)}Z" fill="currentColor"/>`;
}

function corner(from: Point, to: Point, next: Point): string {
  const [inX, inY] = unit(from, to);
  const [outX, outY] = unit(to, next);
  const room = Math.min(ROUND, distance(from, to) / 2, distance(to, next) / 2);
  const before = { x: to.x - inX * room, y: to.y - inY * room };
  const after = { x: to.x + outX * room, y: to.y + outY * room };
  return `L${at(before)}Q${at(to)} ${at(after)}`;
}

function distance(a: Point, b: Point): number {
  return Math.hypot(b.x - a.x, b.y - a.y);
}

function unit(from: Point, to: Point): [number, number] {
  const length = distance(from, to) || 1;
  return [(to.x - from.x) / length, (to.y - from.y) / length];
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}

import { type Bend, type Direction, type Point, turned } from './chart-geometry.js';

const HEAD = { length: 8, width: 7 };
const ROUND = 6;

/** The `d` of a path through points: smooth along the direction of the drawing; a loop keeps its corners. */
export function smoothPath(points: readonly Bend[], direction: Direction, isLoop = false): string {
  const [first, ...rest] = points;
  if (!first) return '';
  let d = `M${at(first)}`;
  let before = first;
  rest.forEach((point, index) => {
    if (point.afterGap) d += `M${at(point)}`;
    else d += isLoop ? corner(before, point, rest[index + 1]) : bend(before, point, direction);
    before = point;
  });
  return d;
}

/** The triangle at the end of a path. */
export function arrowHead(points: readonly Point[], direction: Direction, isLoop = false): string {
  const tip = points.at(-1);
  const before = points.at(-2);
  if (!tip || !before) return '';
  const [x, y] = isLoop ? unit(before, tip) : arrival(before, tip, direction);
  const back = { x: tip.x - x * HEAD.length, y: tip.y - y * HEAD.length };
  const half = HEAD.width / 2;
  const left = { x: back.x - y * half, y: back.y + x * half };
  const right = { x: back.x + y * half, y: back.y - x * half };
  return `<path class="head" d="M${at(tip)}L${at(left)}L${at(right)}Z" fill="currentColor"/>`;
}

/** From point to point like a road that leaves and arrives along the direction. */
function bend(from: Point, to: Point, direction: Direction): string {
  const [above, below] = [turned(from, direction), turned(to, direction)];
  const down = below.y - above.y;
  if (Math.abs(below.x - above.x) < 0.5 || Math.abs(down) < 12) return `L${at(to)}`;
  const [first, second] = [above, below].map(({ x }) => turned({ x, y: above.y + down / 2 }, direction));
  return `C${at(first as Point)} ${at(second as Point)} ${at(to)}`;
}

function arrival(from: Point, to: Point, direction: Direction): [number, number] {
  const down = turned(to, direction).y - turned(from, direction).y;
  if (Math.abs(down) < 12) return unit(from, to);
  return direction === 'TB' ? [0, Math.sign(down)] : [Math.sign(down), 0];
}

function corner(from: Point, to: Point, next: Point | undefined): string {
  if (!next) return `L${at(to)}`;
  const [inX, inY] = unit(from, to);
  const [outX, outY] = unit(to, next);
  const before = { x: to.x - inX * ROUND, y: to.y - inY * ROUND };
  const after = { x: to.x + outX * ROUND, y: to.y + outY * ROUND };
  return `L${at(before)}Q${at(to)} ${at(after)}`;
}

function unit(from: Point, to: Point): [number, number] {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = Math.hypot(dx, dy) || 1;
  return [dx / length, dy / length];
}

function at({ x, y }: Point): string {
  return `${Math.round(x * 10) / 10},${Math.round(y * 10) / 10}`;
}

import type { Bend, Direction, Point } from './chart-geometry.js';

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
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  if (direction === 'TB') {
    if (Math.abs(dx) < 0.5 || Math.abs(dy) < 12) return `L${at(to)}`;
    const middle = from.y + dy / 2;
    return `C${at({ x: from.x, y: middle })} ${at({ x: to.x, y: middle })} ${at(to)}`;
  }
  if (Math.abs(dy) < 0.5 || Math.abs(dx) < 12) return `L${at(to)}`;
  const middle = from.x + dx / 2;
  return `C${at({ x: middle, y: from.y })} ${at({ x: middle, y: to.y })} ${at(to)}`;
}

function arrival(from: Point, to: Point, direction: Direction): [number, number] {
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  if (direction === 'TB' && Math.abs(dy) >= 12) return [0, Math.sign(dy)];
  if (direction === 'LR' && Math.abs(dx) >= 12) return [Math.sign(dx), 0];
  return unit(from, to);
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

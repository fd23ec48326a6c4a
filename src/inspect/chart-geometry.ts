import type { ChartEdge, ChartState } from './chart.js';

export interface Point {
  x: number;
  y: number;
}

/** A point of a line. */
export interface Bend extends Point {
  /** The line is interrupted before it, for its text. */
  afterGap?: true;
}

export interface Size {
  width: number;
  height: number;
}

/** Left upper corner and size, in pixels. */
export interface Rect extends Point, Size {}

/** Which way a drawing goes: down or to the right. */
export type Direction = 'TB' | 'LR';

export interface LaidOutState extends Rect {
  state: ChartState;
  /** What stands in the box under the title: actors and actions. */
  details: string[];
}

/** The text of one edge. */
export interface LaidOutLabel extends Rect {
  edge: ChartEdge;
  lines: string[];
}

/** Edges between the same two states share one line. */
export interface LaidOutLine {
  from: string;
  to: string;
  /** A loop beside its box; none when it is listed inside the box of a parent. */
  points: Bend[];
  isLoop: boolean;
  labels: LaidOutLabel[];
}

/** Where everything in a drawing stands. */
export interface ChartLayout {
  width: number;
  height: number;
  direction: Direction;
  /** Parents before children. */
  states: LaidOutState[];
  lines: LaidOutLine[];
  /** Where a machine, or a parent, begins: a dot, and the way to the first state. */
  starts: { state: string; points: [Point, Point] }[];
}

/** From a page to a drawing that goes down, and back: in one that goes to the right, the axes are exchanged. */
export function turned<T extends Partial<Rect>>(thing: T, direction: Direction): T {
  if (direction === 'TB') return thing;
  const { x, y, width, height } = thing;
  const place = x !== undefined && { x: y, y: x };
  return { ...thing, ...place, ...(width !== undefined && { width: height, height: width }) };
}

/** The smallest rectangle around others. */
export function around(rects: readonly Rect[]): Rect {
  const x = Math.min(...rects.map((rect) => rect.x));
  const y = Math.min(...rects.map((rect) => rect.y));
  const right = Math.max(...rects.map((rect) => rect.x + rect.width));
  const bottom = Math.max(...rects.map((rect) => rect.y + rect.height));
  return { x, y, width: right - x, height: bottom - y };
}

export function isWithin({ x, y }: Point, rect: Rect): boolean {
  return x > rect.x && x < rect.x + rect.width && y > rect.y && y < rect.y + rect.height;
}

export function centreOf({ x, y, width, height }: Rect): Point {
  return { x: x + width / 2, y: y + height / 2 };
}

export function isOverlapping(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

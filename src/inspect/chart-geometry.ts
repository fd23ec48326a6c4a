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
  /** Its corners: every part of it is level or upright. */
  points: Bend[];
  /** In the order of the chart; edges that say the same stand in the same place. */
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
  /** Where a machine, or a parent, begins: the middle of a dot, and the way from there to the first state. */
  starts: { state: string; dot: Point; points: Bend[] }[];
}

/** Whether two rectangles share more than a border. */
export function isOverlapping(a: Rect, b: Rect): boolean {
  return a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;
}

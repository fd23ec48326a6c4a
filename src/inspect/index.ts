/**
 * Looking at the state machines and workers of a queue: charts of every machine, what the machines do while somebody
 * watches, and who works. Nothing of it is stored, and nobody pays for it while nobody looks.
 */
export type { InspectionRecord, TakenEdge, WorkerInfo } from '../wire/inspection.js';
export { type Chart, type ChartEdge, type ChartState, chartOf, edgeText, takenEdgeIds } from './chart.js';
export type {
  ChartLayout,
  LaidOutLabel,
  LaidOutLine,
  LaidOutState,
  Point,
  Rect,
} from './chart-geometry.js';
export { layOutChart } from './chart-layout.js';
export { chartToMermaid } from './chart-mermaid.js';
export { type ChartSvgOptions, chartToSvg } from './chart-svg.js';
export { drainWorker, listWorkers, type Watch, watchMachines } from './fleet.js';
export type { FleetMachine, Moved, StandingJob, StateTime } from './fleet-states.js';
export { type FleetPicture, type FleetWatch, watchFleet } from './fleet-watch.js';
export { type FlowSvgOptions, familyToSvg, flowToSvg } from './flow-svg.js';
export { BUILT_IN_CHARTS, builtInCharts, findChart, type KnownChart, listCharts } from './known-charts.js';
export { chartToXState, machineJson } from './machine-json.js';
export {
  type StatelyInspector,
  type StatelyInspectorOptions,
  startStatelyInspector,
} from './stately/stately-inspector.js';

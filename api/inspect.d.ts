import { TakenEdge, EngineQueue, WorkerInfo, InspectionRecord } from './shared/job-queue-service.js';
import { JobFamily, FlowStatus } from './jetfleet.js';
import { AnyStateMachine } from 'xstate';
import '@standard-schema/spec';
import './shared/errors.js';
import './shared/job-options.js';
import './shared/vocabulary.js';
import './shared/shown-limit.js';
import './shared/logger.js';
import '@nats-io/transport-node';
import './shared/commit-options.js';
import './shared/tracing.js';

/** A machine as plain JSON, made from its definition. Ids are paths with dots: `pending.queued`. */
interface Chart {
    id: string;
    /** Empty for a machine that says none. */
    version: string;
    description: string;
    /** Parents before children, in the order of the definition. */
    states: ChartState[];
    /** In the order in which they are tried. */
    edges: ChartEdge[];
}
interface ChartState {
    id: string;
    /** The last part of the id. */
    key: string;
    /** The id of the state around it. */
    parent?: string;
    kind: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
    /** Whether its parent, or the machine, begins there. */
    isInitial: boolean;
    description: string;
    /** The names of the actors that run while it is active. */
    invokes: string[];
    /** Actions when it is entered, and when it is left; absent where there are none. */
    entry?: string[];
    exit?: string[];
}
interface ChartEdge {
    /** Unique in its chart, and the same as long as the order of transitions is. */
    id: string;
    /** The id of a state; empty for the machine itself, that is for any state. */
    from: string;
    /** Of a transition without a target, `from`. */
    to: string;
    /** The event as XState names it; empty for one that is taken at once. */
    event: string;
    /** The event as people say it: `run done`, `after settleDelay`. */
    label: string;
    guard?: string;
    actions: string[];
    /** Present when `from` is left and entered again although `to` is in it. */
    reenter?: true;
}
/** Draws up a machine. What was written inline shows as `guard`, `action` or `actor`. */
declare function chartOf(machine: AnyStateMachine): Chart;
/** The ids of the edges that a step took, as {@link InspectionRecord} names them. */
declare function takenEdgeIds(chart: Chart, taken: readonly TakenEdge[]): string[];
/** An edge in full: `run done [isCompleted] / saveOutcome`. */
declare function edgeText({ label, guard, actions }: ChartEdge): string;

interface Point {
    x: number;
    y: number;
}
/** A point of a line. */
interface Bend extends Point {
    /** The line is interrupted before it, for its text. */
    afterGap?: true;
}
interface Size {
    width: number;
    height: number;
}
/** Left upper corner and size, in pixels. */
interface Rect extends Point, Size {
}
/** Which way a drawing goes: down or to the right. */
type Direction = 'TB' | 'LR';
interface LaidOutState extends Rect {
    state: ChartState;
    /** What stands in the box under the title: actors and actions. */
    details: string[];
}
/** The text of one edge. */
interface LaidOutLabel extends Rect {
    edge: ChartEdge;
    lines: string[];
}
/** Edges between the same two states share one line. */
interface LaidOutLine {
    from: string;
    to: string;
    /** Its corners: every part of it is level or upright. */
    points: Bend[];
    /** In the order of the chart; edges that say the same stand in the same place. */
    labels: LaidOutLabel[];
}
/** Where everything in a drawing stands. */
interface ChartLayout {
    width: number;
    height: number;
    direction: Direction;
    /** Parents before children. */
    states: LaidOutState[];
    lines: LaidOutLine[];
    /** Where a machine, or a parent, begins: the middle of a dot, and the way from there to the first state. */
    starts: {
        state: string;
        dot: Point;
        points: Bend[];
    }[];
}

interface LayoutOptions {
    /** With guards and actions, or the events alone. Defaults to true. */
    details?: boolean;
}
/**
 * Where everything in the drawing of a chart stands, downwards or to the right, whichever fits a page better. It is made
 * in a thread of its own, once for each chart.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE` for a chart of more than {@link MAX_DRAWN}, or one that takes longer than two seconds;
 *   `JETFLEET_CHART_BUSY` while too many wait
 */
declare function layOutChart(chart: Chart, { details }?: LayoutOptions): Promise<ChartLayout>;

/** A chart as a Mermaid `stateDiagram-v2`. */
declare function chartToMermaid(chart: Chart): string;

interface ChartSvgOptions {
    /** Ids of states and edges that get the class `lit`; the parents of a state are lit with it. Defaults to none. */
    lit?: readonly string[];
    /** How many stand in a state, by its id. Defaults to none. */
    counts?: Readonly<Record<string, number>>;
    /** Defaults to what the viewer prefers. */
    theme?: 'light' | 'dark';
    /** With colours of its own. Without, a page's style sheet colours the classes. Defaults to true. */
    standalone?: boolean;
    /** With guards and actions at the edges, entry and exit actions in the boxes; else they show on hover. Defaults to true. */
    details?: boolean;
}
/**
 * A chart as SVG. A state is `<g class="state" data-state="pending.queued">`, an edge `<g class="edge" data-edge="…">`
 * with its line and its text, a count `<text class="count" data-count-of="…">`. Several edges between the same states share a line: all
 * but the first have the class `more`, and a text that stands there already has the class `again`. All text of the machine is escaped.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE`
 */
declare function chartToSvg(chart: Chart, options?: ChartSvgOptions): Promise<string>;

/** Every worker that answers within two seconds, by name. */
declare function listWorkers(queue: EngineQueue): Promise<WorkerInfo[]>;
/**
 * Tells a worker to take no more jobs, while those that it runs go on; or, with `false`, to take them again. It does
 * nothing where there is no worker of this name, while it is starting, or where it obeys no orders (`remoteDrain: false`).
 * @param options.forMs after so long the worker takes jobs again by itself: 1 ms to 24 hours. Defaults to one hour
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function drainWorker(queue: EngineQueue, name: string, drain?: boolean, options?: {
    forMs?: number;
}): Promise<void>;
/** A running watch. */
interface Watch extends AsyncDisposable {
    /** Asks all workers again where their machines stand. */
    again(): void;
    close(): Promise<void>;
}
/**
 * Hears what the state machines do from now on, of one job or of all and of the workers themselves, beginning with
 * where each stands. Records can be lost, as nothing is stored: their `seq` then has a gap.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_ID_INVALID`
 * @param onRecord what it throws, or rejects with, is logged and counted in `queue.callbackFailures`
 */
declare function watchMachines(queue: EngineQueue, options: {
    jobId?: string;
}, onRecord: (record: InspectionRecord) => unknown): Promise<Watch>;

/** An edge, and how often it was taken. */
interface Moved extends TakenEdge {
    count: number;
}
/** How long machines stayed in a state that they have left. */
interface StateTime {
    p50: number;
    p95: number;
    count: number;
}
interface FleetMachine {
    id: string;
    /** How many of it run. */
    running: number;
    /** How many stand in each state, those around it included; states without any are left out. */
    counts: Record<string, number>;
    /** By state, since somebody watches. */
    times: Record<string, StateTime>;
    /** Since the picture before. */
    moved: Moved[];
}
/** A job whose machine stands in a state. */
interface StandingJob {
    /** Absent for the machine of a worker itself. */
    jobId?: string;
    worker: string;
    /** Since when, ISO 8601: by the clock of the worker, or since somebody watches. */
    since: string;
}

/** The machines of a fleet at one moment. */
interface FleetPicture {
    /** ISO 8601, by the broker's clock. */
    at: string;
    machines: FleetMachine[];
}
interface FleetWatch extends Watch {
    /** The jobs whose machine stands in a state now, those that have been there longest first. */
    jobsIn(machine: string, state: string, limit?: number): {
        jobs: StandingJob[];
        count: number;
    };
}
/**
 * Follows all machines of a fleet: how many stand in each state, which edges they take, and how long they stayed in the states that they
 * have left. Jobs are counted by the queue; other machines only while a worker runs them.
 * @param options.everyMs between two pictures, 100 ms to a minute. Defaults to 1,000
 * @param onPicture what it throws, or rejects with, is logged and counted in `queue.callbackFailures`
 * @throws ValidationError `JETFLEET_OPTION_INVALID`
 */
declare function watchFleet(queue: EngineQueue, options: {
    everyMs?: number;
}, onPicture: (picture: FleetPicture) => unknown): Promise<FleetWatch>;

interface FlowSvgOptions {
    /** Defaults to what the viewer prefers. */
    theme?: 'light' | 'dark';
    /** With colours of its own. Without, a page's style sheet colours the classes. Defaults to true. */
    standalone?: boolean;
}
/**
 * A flow as SVG: a box for each job, and one for many that are alike; a line from each to those that run after it, dashed where these
 * also run after its failure. A box is `<g class="state job running" data-state="key">`, where it stands `<text data-stand-of="key">`.
 * @throws JetfleetError `JETFLEET_CHART_TOO_LARGE` for a flow of more than 400 boxes or 1,000 lines; `JETFLEET_CHART_BUSY`
 */
declare function flowToSvg(flow: FlowStatus, options?: FlowSvgOptions): Promise<string>;
/**
 * The family of a job as SVG, drawn as {@link flowToSvg} draws a flow: a line to what followed from a job, and a dashed one to each child
 * that it waits for. A box has the id of its job in `data-state`.
 * @throws as {@link flowToSvg} does
 */
declare function familyToSvg(family: JobFamily, options?: FlowSvgOptions): Promise<string>;

/** The machines that come with Jetfleet, by id. */
declare const BUILT_IN_CHARTS: ReadonlyMap<string, AnyStateMachine>;
/** A chart, and where it is from: the package, or a worker that answered. */
type KnownChart = Chart & {
    source: 'built-in' | 'worker';
};
/** The charts that come with Jetfleet; no broker is asked. */
declare function builtInCharts(): KnownChart[];
/**
 * The charts that come with Jetfleet, and those of the machines that live workers run, each id and version once.
 * @param id only the charts of this id
 */
declare function listCharts(queue: EngineQueue, id?: string): Promise<KnownChart[]>;
/**
 * One chart by its id, the package's own before those of workers.
 * @throws JetfleetError `JETFLEET_MACHINE_NOT_FOUND` when neither the package nor a live worker has it; BrokerError
 *   `JETFLEET_BROKER_UNREACHABLE` when workers cannot be asked
 */
declare function findChart(queue: EngineQueue, id: string): Promise<KnownChart>;

type Json = Record<string, unknown>;
/**
 * The definition of a machine as XState's JSON, which Stately's editor imports. It holds names only: no context, no
 * parameters and no input, which can be secrets.
 */
declare function machineJson(machine: AnyStateMachine): Json;
/** A chart as XState's JSON; see {@link machineJson}. */
declare function chartToXState(chart: Chart): Json;

interface StatelyInspectorOptions {
    queue: EngineQueue;
    /** Defaults to 0: any free port. */
    port?: number;
    /** Defaults to `127.0.0.1`. Whoever reaches another address sees every job: there is no password. */
    host?: string;
    /** Only this job, beginning with what is kept of its steps. Defaults to all jobs, and the workers themselves. */
    jobId?: string;
    /** Origins of web pages that may connect besides those of this machine: `https://stately.ai`. Defaults to none. */
    allowedOrigins?: readonly string[];
}
/** A running adapter. */
interface StatelyInspector extends AsyncDisposable {
    /** Where an inspector connects: `ws://127.0.0.1:<port>`. */
    readonly url: string;
    readonly port: number;
    close(): Promise<void>;
}
/**
 * Serves the state machines of all workers over WebSocket in the format of `@statelyai/inspect`, whose receivers and
 * viewers then show them. Workers report only while somebody is connected; contexts come masked, and definitions
 * without one. Browser pages of other origins are refused with 401.
 * @throws Error of Node when the port cannot be opened
 */
declare function startStatelyInspector(options: StatelyInspectorOptions): Promise<StatelyInspector>;

export { BUILT_IN_CHARTS, InspectionRecord, TakenEdge, WorkerInfo, builtInCharts, chartOf, chartToMermaid, chartToSvg, chartToXState, drainWorker, edgeText, familyToSvg, findChart, flowToSvg, layOutChart, listCharts, listWorkers, machineJson, startStatelyInspector, takenEdgeIds, watchFleet, watchMachines };
export type { Chart, ChartEdge, ChartLayout, ChartState, ChartSvgOptions, FleetMachine, FleetPicture, FleetWatch, FlowSvgOptions, KnownChart, LaidOutLabel, LaidOutLine, LaidOutState, Moved, Point, Rect, StandingJob, StateTime, StatelyInspector, StatelyInspectorOptions, Watch };

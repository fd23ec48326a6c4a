/** A flow as a graph to draw: its jobs, those that are alike together, and which of them run after which. */
import type { FlowJobStatus } from './shown-flow.js';
import { statusOf } from './vocabulary.js';

type GraphJob = Pick<FlowJobStatus, 'key' | 'type' | 'after' | 'onFailure'>;

/** One job, or many that are alike: of one type, at the same depth, after and before jobs that are alike. */
export interface FlowNode {
  /** The key of its first job. */
  id: string;
  type: string;
  keys: string[];
}

export interface FlowEdge {
  /** Ids of nodes. */
  from: string;
  to: string;
  /** Whether what comes after also runs where what comes before fails. */
  isLoose: boolean;
}

export interface FlowGraph {
  nodes: FlowNode[];
  edges: FlowEdge[];
}

/** So many that are alike are drawn one by one. */
const MOST_ALONE = 6;
/** Jobs are distinguished by their neighbours, and these by theirs, so far; by then most flows are as fine as they become. */
const ROUNDS = 8;

/** The nodes are in the order of the flow's jobs. */
export function graphOfFlow(jobs: readonly GraphJob[]): FlowGraph {
  const nodes = nodesOf(jobs);
  const nodeOf = new Map(nodes.flatMap(({ id, keys }) => keys.map((key) => [key, id])));
  const edges = new Map<string, FlowEdge>();
  const byKey = new Map(jobs.map((job) => [job.key, job]));
  for (const { key, after } of jobs)
    for (const each of after) {
      const [from, to] = [nodeOf.get(each), nodeOf.get(key)];
      if (from === undefined || to === undefined) continue;
      edges.set(`${from} ${to}`, { from, to, isLoose: byKey.get(each)?.onFailure !== 'fail' });
    }
  return { nodes, edges: [...edges.values()] };
}

function nodesOf(jobs: readonly GraphJob[]): FlowNode[] {
  const colours = alike(jobs);
  const together = new Map<number, GraphJob[]>();
  for (const job of jobs) {
    const colour = colours.get(job.key) ?? 0;
    const known = together.get(colour);
    if (known) known.push(job);
    else together.set(colour, [job]);
  }
  const isAlone = ({ key }: GraphJob) => (together.get(colours.get(key) ?? 0)?.length ?? 0) <= MOST_ALONE;
  const drawn = new Set<number>();
  return jobs.flatMap((job): FlowNode[] => {
    const { key } = job;
    // Who publishes a flow by hand may give a job any type.
    const type = String(job.type);
    if (isAlone(job)) return [{ id: key, type, keys: [key] }];
    const colour = colours.get(key) ?? 0;
    if (drawn.has(colour)) return [];
    drawn.add(colour);
    return [{ id: key, type, keys: (together.get(colour) ?? []).map((each) => each.key) }];
  });
}

/** A number for each job, the same for those that are alike. Such jobs are at one depth, so none of them runs after another. */
function alike(jobs: readonly GraphJob[]): Map<string, number> {
  const depths = depthsOf(jobs);
  const dependents = dependentsOf(jobs);
  let colours = numbered(jobs, ({ key, type, onFailure }) => [depths.get(key), type, onFailure]);
  for (let round = 0; round < ROUNDS; round++) {
    const before = colours;
    const around = (keys: readonly string[]) => [...new Set(keys.map((each) => before.get(each)))].sort();
    colours = numbered(jobs, ({ key, after }) => [
      before.get(key),
      around(after),
      around(dependents.get(key) ?? []),
    ]);
    if (new Set(colours.values()).size === new Set(before.values()).size) break;
  }
  return colours;
}

function numbered(jobs: readonly GraphJob[], of: (job: GraphJob) => unknown): Map<string, number> {
  const numbers = new Map<string, number>();
  return new Map(
    jobs.map((job) => {
      const what = JSON.stringify(of(job));
      const number = numbers.get(what) ?? numbers.size;
      numbers.set(what, number);
      return [job.key, number];
    }),
  );
}

function dependentsOf(jobs: readonly Pick<GraphJob, 'key' | 'after'>[]): Map<string, string[]> {
  const dependents = new Map<string, string[]>(jobs.map(({ key }) => [key, []]));
  for (const { key, after } of jobs) for (const each of after) dependents.get(each)?.push(key);
  return dependents;
}

/** How many jobs there are on the longest way to each, itself included. Not recursive: a chain of thousands is no fault. */
export function depthsOf(jobs: readonly Pick<GraphJob, 'key' | 'after'>[]): Map<string, number> {
  const open = new Map(jobs.map(({ key, after }) => [key, after.length]));
  const dependents = dependentsOf(jobs);
  const depths = new Map<string, number>();
  const ready = [...open].filter(([, count]) => count === 0).map(([key]) => key);
  for (const key of ready) {
    const depth = depths.get(key) ?? 1;
    depths.set(key, depth);
    for (const next of dependents.get(key) ?? []) {
      depths.set(next, Math.max(depths.get(next) ?? 1, depth + 1));
      const left = (open.get(next) ?? 0) - 1;
      open.set(next, left);
      if (left === 0) ready.push(next);
    }
  }
  return depths;
}

/** What colours a node. */
export type FlowTone =
  | 'blocked'
  | 'pending'
  | 'processing'
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'dropped';

/** Where the jobs of a node stand, in a word or two. */
export interface NodeStand {
  tone: FlowTone;
  words: string;
}

function toneOf(state: FlowJobStatus['state']): FlowTone {
  if (state === 'blocked' || state === 'dropped' || state === 'cancelled') return state;
  return statusOf(state);
}

/** What matters more comes first. */
const WEIGHT: readonly FlowTone[] = [
  'failed',
  'processing',
  'pending',
  'blocked',
  'cancelled',
  'dropped',
  'completed',
];

/** By the id of each node. */
export function standsOf(
  { nodes }: FlowGraph,
  { jobs }: { jobs: readonly Pick<FlowJobStatus, 'key' | 'state'>[] },
): Map<string, NodeStand> {
  const states = new Map(jobs.map(({ key, state }) => [key, state]));
  return new Map(
    nodes.map(({ id, keys }) => {
      const all = keys.map((key) => states.get(key) ?? 'blocked');
      const tones = all.map(toneOf);
      const tone = WEIGHT.find((each) => tones.includes(each)) ?? 'blocked';
      const words = all.length === 1 ? String(all[0]).replaceAll('_', ' ') : partWords(tones);
      return [id, { tone, words }];
    }),
  );
}

/** Besides completed: how a job ended that is not going to be. */
const OTHER_ENDS: readonly FlowTone[] = ['failed', 'cancelled', 'dropped'];

function partWords(tones: readonly FlowTone[]): string {
  const count = (tone: FlowTone) => tones.filter((each) => each === tone).length;
  const others = OTHER_ENDS.flatMap((tone) => (count(tone) > 0 ? [`, ${count(tone)} ${tone}`] : []));
  return `${count('completed')} of ${tones.length} completed${others.join('')}`;
}

/** How a flow is added: checked as a whole, and stored by one write. */
import { assertPayloadOf, type JobDefinition } from '../../jobs/define-job.js';
import { atPlace } from '../../jobs/errors.js';
import { excerptOf } from '../../jobs/excerpt.js';
import { assertGraph, type FlowJob, type FlowJobs, invalidFlow } from '../../jobs/flow.js';
import { derivedId } from '../../jobs/job-id.js';
import type { JobOptions, NewJob } from '../../jobs/job-options.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { assertArray, assertOptions, type OptionNames } from '../../jobs/options.js';
import { isShortName, SHORT_NAME } from '../../jobs/short-name.js';
import type { OnFailure } from '../../jobs/vocabulary.js';
import { JobPriority } from '../../jobs/vocabulary.js';
import type { AddedJob } from '../job-add.js';
import { checkJob } from '../job-request.js';
import { runFlowJob } from './flow-job.js';

/** What a flow says of all its jobs, or decides for each. */
type OfFlow = 'id' | 'runAt' | 'traceparent' | 'tracestate' | 'unique' | 'debounce';

/** A job with the jobs that must have ended before it starts. */
export interface FlowTree extends Omit<NewJob, OfFlow> {
  /** Names it among the results of the jobs after it, and stands in its id. Defaults to its place, such as `1-2`, and `root`. */
  key?: string;
  onFailure?: OnFailure;
  children?: readonly FlowTree[];
}

/** A graph: jobs by their keys, each with the keys of those that it runs after. */
export interface FlowGraph {
  jobs: FlowJobs;
}

/** A flow as the caller gives it. */
export type Flow = FlowGraph | FlowTree;

/** What a caller may say of a flow as a whole. Its webhook reports its end. */
export interface FlowOptions
  extends Pick<JobOptions, 'id' | 'delayMs' | 'runAt' | 'webhookUrl' | 'traceparent' | 'tracestate'> {
  /** Of the flow, and of its jobs that do not say. Defaults to `normal`. */
  priority?: JobPriority;
}

/** Jobs that run side by side, with one that runs when all have ended. */
export interface BatchOptions extends FlowOptions {
  /** Runs after all jobs of the batch, whatever became of them. `job.results()` gives it their ends. */
  onComplete?: Omit<NewJob, OfFlow>;
}

const OF_FLOW: readonly OfFlow[] = ['id', 'runAt', 'traceparent', 'tracestate', 'unique', 'debounce'];
const FLOW_OPTIONS: OptionNames<Required<FlowOptions>> = {
  id: true,
  delayMs: true,
  runAt: true,
  webhookUrl: true,
  traceparent: true,
  tracestate: true,
  priority: true,
};
const BATCH_OPTIONS: OptionNames<Required<BatchOptions>> = { ...FLOW_OPTIONS, onComplete: true };
/** The key of the job that ends a batch. */
export const COMPLETION_KEY = 'on-complete';

/** A flow that was added. */
export interface AddedFlow {
  /** The job that stands for the whole: wait for it, cancel it, retry it. */
  id: string;
  created: boolean;
  /** The ids of its jobs, by key. A job exists once it may start. */
  jobs: Record<string, string>;
}

export interface CheckedFlow {
  jobs: FlowJobs;
  options: FlowOptions;
  /** The payloads as JSON, in the order of the jobs. */
  bodies: readonly string[];
}

/**
 * Checks a flow and every job in it, before anything is stored. From here on this process knows the definitions that have made them.
 * @throws ValidationError `JETFLEET_FLOW_INVALID` for a circle, a key or a reference that cannot be; with the key of the job as adding
 *   that job would
 */
export function checkFlow(known: KnownJobs, flow: Flow, options: FlowOptions): CheckedFlow {
  assertOptions('options', options, FLOW_OPTIONS);
  const jobs = graphOf(flow);
  assertGraph(jobs);
  const bodies = Object.entries(jobs).map(([key, { after: _, onFailure: __, ...job }]) => {
    const own = OF_FLOW.find((name) => (job as Record<string, unknown>)[name] !== undefined);
    if (own)
      throw invalidFlow(
        `job ${key} has ${own}, which a job of a flow cannot have; its id is derived from its key`,
      );
    const { type, payload, priority = JobPriority.NORMAL, ...others } = job;
    known.addMakerOf(job);
    try {
      return checkJob(known, type, payload, priority, { ...others, unique: false, debounce: false }, 0).body;
    } catch (error) {
      throw atPlace(error, `job ${key} of the flow`);
    }
  });
  return { jobs, options, bodies };
}

/** @throws ValidationError where the schema of a definition that this process knows refuses a payload */
async function checkPayloads(known: KnownJobs, { jobs, bodies }: CheckedFlow): Promise<void> {
  for (const [place, [key, { type }]] of Object.entries(jobs).entries()) {
    const definition = known.get(type);
    if (!definition?.payload) continue;
    await assertPayloadOf(definition, bodies[place] as string).catch((error) => {
      throw atPlace(error, `job ${key} of the flow`);
    });
  }
}

/** The queue, as far as a flow needs it. */
interface FlowQueue {
  readonly known: KnownJobs;
  addOrFind(
    type: string,
    payload: unknown,
    priority: JobPriority,
    options: JobOptions,
    definition?: JobDefinition,
  ): Promise<AddedJob>;
}

/** Stores a checked flow. */
export async function addFlow(queue: FlowQueue, flow: CheckedFlow): Promise<AddedFlow> {
  await checkPayloads(queue.known, flow);
  const { priority = JobPriority.NORMAL, ...options } = flow.options;
  const { jobs } = flow;
  const { id, known } = await queue.addOrFind(runFlowJob.type, { jobs }, priority, options, runFlowJob);
  return { id, created: known === undefined, jobs: idsOf(jobs, id) };
}

function idsOf(jobs: FlowJobs, id: string): Record<string, string> {
  return Object.fromEntries(Object.keys(jobs).map((key) => [key, derivedId(id, key)]));
}

/** The jobs of a batch as a flow. @throws ValidationError `JETFLEET_OPTION_INVALID`, `JETFLEET_FLOW_INVALID` */
export function batchOf(
  list: readonly NewJob[],
  options: BatchOptions,
): { flow: FlowGraph; options: FlowOptions } {
  assertArray('jobs', list);
  assertOptions('options', options, BATCH_OPTIONS);
  const { onComplete, ...flowOptions } = options;
  const jobs: Record<string, FlowJob> = {};
  for (const [place, job] of list.entries()) {
    if (typeof job !== 'object' || job === null)
      throw invalidFlow(`job ${place} of the batch must be a job, got ${excerptOf(job)}`);
    jobs[String(place)] = { ...job, onFailure: 'continue' };
  }
  if (onComplete) jobs[COMPLETION_KEY] = { ...onComplete, after: Object.keys(jobs) };
  return { flow: { jobs }, options: flowOptions };
}

function graphOf(flow: Flow): FlowJobs {
  if (typeof flow !== 'object' || flow === null)
    throw invalidFlow(`a flow must be an object, got ${excerptOf(flow)}`);
  if (!('type' in flow)) {
    const { jobs, ...others } = flow as FlowGraph;
    const [other] = Object.keys(others);
    if (other !== undefined)
      throw invalidFlow(`a flow has no ${JSON.stringify(other)}; it takes jobs, or a job with children`);
    return jobs;
  }
  const jobs: Record<string, FlowJob> = {};
  addTree(jobs, flow, 'root', '', 0);
  return jobs;
}

/** Deeper trees are written as a graph. */
const MAX_DEPTH = 100;

function addTree(
  jobs: Record<string, FlowJob>,
  node: FlowTree,
  own: string,
  prefix: string,
  depth: number,
): string {
  if (typeof node !== 'object' || node === null)
    throw invalidFlow(`child ${own} must be a job, got ${excerptOf(node)}`);
  if (depth > MAX_DEPTH)
    throw invalidFlow(`the tree is deeper than ${MAX_DEPTH} levels; write it as a graph, { jobs }`);
  const { key = own, children = [], ...job } = node;
  if (!isShortName(key)) throw invalidFlow(`key ${excerptOf(key)} must be ${SHORT_NAME}`);
  if (!Array.isArray(children))
    throw invalidFlow(`children of ${key} must be an array, got ${excerptOf(children)}`);
  const after = children.map((child, place) =>
    addTree(jobs, child, `${prefix}${place + 1}`, `${prefix}${place + 1}-`, depth + 1),
  );
  if (Object.hasOwn(jobs, key)) throw invalidFlow(`two jobs of the flow have the key ${key}`);
  jobs[key] = { ...job, after };
  return key;
}

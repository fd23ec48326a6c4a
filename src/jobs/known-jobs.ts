import { definitionOf, type EndedJob, type JobDefinition } from './define-job.js';
import type { NewJob, NextJob } from './job-options.js';
import type { WorkKind } from './vocabulary.js';

/** What follows from the end of a job, as `after` of a definition says it. */
export type After = (job: EndedJob) => readonly NextJob[] | undefined;

/** The job types that this process knows. What follows from the end of a job is known only with its type. */
export class KnownJobs {
  readonly #definitions = new Map<string, JobDefinition>();
  /** Types that are handled here by their name alone: nothing follows from them. */
  readonly #named = new Set<string>();
  /** Types whose jobs go to another stream than `jobs`. */
  readonly #streams = new Map<string, WorkKind>();
  readonly #afterEach: After[] = [];

  /** Of two definitions of a type the one that came last wins. */
  add(job: JobDefinition): void {
    this.#definitions.set(job.type, job);
  }

  /** From here on this process knows the definition that has made a job. @returns it, if there is one */
  addMakerOf(job: Pick<NewJob, 'type'>): JobDefinition | undefined {
    const definition = definitionOf(job);
    if (definition) this.add(definition);
    return definition;
  }

  /** Every process that adds or runs jobs of the type must say the same. */
  setStream(type: string, stream: WorkKind): void {
    this.#streams.set(type, stream);
  }

  addNamed(type: string): void {
    this.#named.add(type);
  }

  /** Asked at the end of every job, whatever its type. */
  addAfterEach(after: After): void {
    this.#afterEach.push(after);
  }

  get(type: string): JobDefinition | undefined {
    return this.#definitions.get(type);
  }

  streamOf(type: string): WorkKind {
    return this.#streams.get(type) ?? 'jobs';
  }

  knows(type: string): boolean {
    return this.#definitions.has(type) || this.#named.has(type);
  }

  /** What to ask at the end of a job of a type: first its definition, then whoever listens to all. */
  afterOf(type: string): After[] {
    const job = this.#definitions.get(type);
    return job?.after ? [(ended) => job.after?.(ended), ...this.#afterEach] : this.#afterEach;
  }
}

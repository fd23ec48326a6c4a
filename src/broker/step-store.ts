/**
 * STEPS: what the state machines of a job did, one message a job. A write replaces the message before, and is fenced by its sequence.
 * The first write of a process makes sure of the stream.
 */
import { stepsSubject } from '../wire/steps.js';
import type { Subjects } from '../wire/subjects.js';
import type { ExtraStream } from './extra-stream.js';
import { JobSubjects } from './job-subjects.js';
import type { StoredMessage } from './read/direct-read.js';
import type { Topology } from './topology/topology.js';

export class StepStore {
  readonly #jobs: JobSubjects;
  readonly #subjects: Subjects;

  constructor(stream: ExtraStream, subjects: Subjects, topology: Topology) {
    this.#jobs = new JobSubjects(stream, 'steps', topology);
    this.#subjects = subjects;
  }

  /** What is kept of a job. */
  async last(id: string): Promise<StoredMessage | undefined> {
    return this.#jobs.find(undefined, (read, stream) => read.last(stream, stepsSubject(this.#subjects, id)));
  }

  /**
   * Stores what is kept of a job in the place of the message with the sequence `lastSeq`, 0 for none.
   * @throws ConflictError when somebody has written meanwhile
   */
  async put(id: string, data: string, lastSeq: number): Promise<void> {
    const subject = stepsSubject(this.#subjects, id);
    await this.#jobs.stream.append({ subject, data, expect: { filter: subject, lastSeq } });
    this.#jobs.noteWrite();
  }

  /** Removes what is kept of jobs. */
  async forget(ids: readonly string[]): Promise<void> {
    await this.#jobs.forget(ids, (id) => stepsSubject(this.#subjects, id));
  }
}

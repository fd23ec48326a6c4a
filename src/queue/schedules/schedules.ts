import type { Broker } from '../../broker/broker.js';
import type { KnownJobs } from '../../jobs/known-jobs.js';
import { assertOptions, type OptionNames } from '../../jobs/options.js';
import {
  assertScheduleName,
  checkOverlap,
  type Overlap,
  type Schedule,
  type ScheduleChange,
} from '../../jobs/schedule.js';
import { deleteSchedule, pauseSchedule, resumeSchedule, runScheduleNow } from './change-schedule.js';
import { getSchedule, listSchedules } from './shown-schedule.js';
import { updateSchedule } from './update-schedule.js';

/** For `runNow`. */
export interface RunNowOptions {
  /** In the place of the policy of the schedule. */
  overlap?: Overlap;
}

const RUN_NOW: OptionNames<Required<RunNowOptions>> = { overlap: true };

type Use = <R>(work: (broker: Broker) => Promise<R>) => Promise<R>;

/**
 * The recurring jobs of a queue, also those that somebody has published with a bare NATS client. Each method but `list` throws
 * JetfleetError `JETFLEET_NOT_FOUND` for a name that no schedule has, and ValidationError `JETFLEET_OPTION_INVALID` for what cannot
 * be one.
 */
export class Schedules {
  readonly #use: Use;
  readonly #known: KnownJobs;

  /** @internal */
  constructor(use: Use, known: KnownJobs) {
    this.#use = use;
    this.#known = known;
  }

  /** All of them by name, with their next and last runs. Of those that stand beside delayed jobs, among the first 10,000 of these. */
  list(): Promise<Schedule[]> {
    return this.#use(listSchedules);
  }

  async get(name: string): Promise<Schedule> {
    assertScheduleName(name);
    return this.#use((broker) => getSchedule(broker, name));
  }

  /**
   * Changes what is given, and leaves all else as it is; `null` takes an option back. One that is paused stays so.
   * @throws ValidationError as `queue.schedule` does; ConflictError for one that starts no job. Nothing is stored then
   */
  async update(name: string, change: ScheduleChange): Promise<Schedule> {
    return this.#change(name, (broker) => updateSchedule(broker, this.#known, name, change));
  }

  /** Stops it from firing, until it is resumed. It keeps all that it is, and what it has started goes on. */
  async pause(name: string): Promise<Schedule> {
    return this.#change(name, pauseSchedule);
  }

  /** Has it fire again from its next time on; what it would have fired meanwhile is not made up for. */
  async resume(name: string): Promise<Schedule> {
    return this.#change(name, resumeSchedule);
  }

  /**
   * Runs it once, now, whether it is paused or not.
   * @returns the id of the job
   * @throws ConflictError while its last run goes on, unless `overlap` is `allow` or `cancel`
   */
  async runNow(name: string, options: RunNowOptions = {}): Promise<string> {
    assertScheduleName(name);
    assertOptions('options', options, RUN_NOW);
    const { overlap } = options;
    checkOverlap(overlap);
    return this.#use((broker) => runScheduleNow(broker, name, overlap));
  }

  /** Removes it. Jobs that it has started stay. */
  async delete(name: string): Promise<void> {
    assertScheduleName(name);
    await this.#use((broker) => deleteSchedule(broker, name));
  }

  async #change(name: string, change: (broker: Broker, name: string) => Promise<void>): Promise<Schedule> {
    assertScheduleName(name);
    return this.#use(async (broker) => {
      await change(broker, name);
      return getSchedule(broker, name);
    });
  }
}

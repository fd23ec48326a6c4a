import { JetfleetError } from '../../jobs/errors.js';
import type { JobRequest } from '../../jobs/job-record.js';
import { Header, type HeaderList } from '../../wire/headers.js';
import type { Tick } from '../../wire/job-message.js';
import { type SchedulePlace, scheduleSubject, ticksSubject } from '../../wire/schedule-subjects.js';
import type { Subjects } from '../../wire/subjects.js';
import { encodeTicks, type TicksRecord } from '../../wire/ticks-message.js';
import type { CommitLog } from './commit-log.js';
import { timerHeaders } from './job-messages.js';

/** Stores recurring schedules, and what became of their ticks. Both are kept by TIMERS; the server fires the former. */
export class ScheduleMessages {
  readonly #subjects: Subjects;
  readonly #timers: CommitLog;

  constructor(subjects: Subjects, timers: CommitLog) {
    this.#subjects = subjects;
    this.#timers = timers;
  }

  /**
   * Sets a schedule in the place of the one that has the sequence `lastSeq`, 0 for none. The broker keeps one for each subject.
   * @throws ConflictError when somebody else has changed it meanwhile
   * @throws ValidationError `JETFLEET_CRON_INVALID`, `JETFLEET_TIME_ZONE_UNKNOWN` as the server says it
   */
  async put(
    at: SchedulePlace,
    message: { data: string | Uint8Array; headers: HeaderList },
    lastSeq: number,
  ): Promise<void> {
    const subject = scheduleSubject(this.#subjects, at);
    await this.#timers.append({ ...message, subject, expect: { filter: subject, lastSeq } });
  }

  /** Writes what became of the ticks after what has the sequence `lastSeq`. @throws ConflictError when somebody else has */
  async putTicks(at: SchedulePlace, record: TicksRecord, lastSeq: number): Promise<void> {
    const subject = ticksSubject(this.#subjects, at);
    await this.#timers.append({
      subject,
      data: encodeTicks(record),
      headers: [[Header.ROLLUP, 'sub']],
      expect: { filter: subject, lastSeq },
    });
  }

  /**
   * Starts a run of a schedule at a time, as a timer of the run's own: what comes from TIMERS is believed to be the schedule's.
   * @throws ConflictError where the timer is set already
   */
  async startRun(
    { kind, place }: SchedulePlace,
    request: JobRequest,
    data: Uint8Array,
    atMs: number,
    { nextMs, overlap }: Pick<Tick, 'nextMs' | 'overlap'>,
  ): Promise<void> {
    const { id, type, priority } = request;
    const timer = this.#subjects.schedule(kind, id);
    const headers: [string, string][] = [[Header.SCHEDULED_BY, place]];
    if (nextMs !== undefined) headers.push([Header.NEXT_TICK, new Date(nextMs).toISOString()]);
    if (overlap !== undefined) headers.push([Header.OVERLAP, overlap]);
    await this.#timers.append({
      subject: timer,
      data,
      headers: [...timerHeaders(request, atMs, this.#subjects.due({ kind, priority, type, id })), ...headers],
      expect: { filter: timer, lastSeq: 0 },
    });
  }

  /**
   * Whether the server has a database of time zones. It is asked for a schedule whose zone it checks first, and whose target is nowhere,
   * so that it refuses it in any case, and stores nothing.
   */
  async knowsTimeZones(): Promise<boolean> {
    const headers: HeaderList = [
      [Header.SCHEDULE, '0 0 0 1 1 *'],
      [Header.SCHEDULE_TIME_ZONE, 'Europe/Berlin'],
      [Header.SCHEDULE_TARGET, 'nowhere'],
    ];
    const subject = `${this.#subjects.schedule('jobs', 'probe')}.time-zone.probe`;
    try {
      await this.#timers.append({ subject, data: '', headers });
    } catch (error) {
      if (JetfleetError.is(error, 'JETFLEET_TIME_ZONE_UNKNOWN')) return false;
      if (!JetfleetError.is(error, 'JETFLEET_PUBLISH_REFUSED') || error.retryable) throw error;
    }
    return true;
  }
}

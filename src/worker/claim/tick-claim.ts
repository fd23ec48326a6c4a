import { ConflictError, JetfleetError, type JobErrorInfo } from '../../jobs/errors.js';
import { type JobRecord, type JobRequest, pendingRecord } from '../../jobs/job-record.js';
import { unlessFaster } from '../../jobs/unless-faster.js';
import { cancelJob } from '../../queue/job-cancel.js';
import { isActive, readSchedulePlace, type StoredSchedule } from '../../queue/schedules/stored-schedule.js';
import { transitionRecord } from '../../queue/transition-record.js';
import type { Tick } from '../../wire/job-message.js';
import { keptHeaders } from '../../wire/schedule-message.js';
import type { SchedulePlace } from '../../wire/schedule-subjects.js';
import { factsOf, followThrough, writeEvent } from '../outcome/job-writes.js';
import type { WorkerServices } from '../worker-services.js';
import type { Candidate } from './candidate.js';
import { decideTick, type TickDecision } from './decide-tick.js';

/** A schedule that was paused, changed or removed has missed nothing of before. */
function isOutdated({ createdAt }: JobRequest, schedule: StoredSchedule | undefined): boolean {
  if (!schedule || schedule.pausedAt !== undefined) return true;
  return schedule.message.timeMs > Date.parse(createdAt) + CLOCKS_DIFFER_MS;
}

/** Whoever makes up for a tick knows the time of the broker no better than this. */
const CLOCKS_DIFFER_MS = 500;

type TickCandidate = Candidate & { job: { tick: Tick } };

export function isTick(candidate: Candidate): candidate is TickCandidate {
  return candidate.job.tick !== undefined;
}

/**
 * Decides about the ticks of recurring schedules when they are claimed: by what became of the ticks before, which is one message of
 * TIMERS for each schedule. Every decision is fenced by the one before, so any number of workers decide one after the other, and none
 * of them leads. What is decided is written first: whoever is given the tick again goes on from there.
 */
export class TickClaim {
  readonly #services: WorkerServices;
  readonly #maxAttempts: number;

  constructor(services: WorkerServices, maxAttempts: number) {
    this.#services = services;
    this.#maxAttempts = maxAttempts;
  }

  /**
   * @param lastSeq of the job's last event, which is no record
   * @returns whether the job is to be claimed now; the delivery is dealt with where it is not
   */
  async admits(candidate: TickCandidate, lastSeq: number): Promise<boolean> {
    const { broker } = this.#services;
    const { delivery, job } = candidate;
    const at: SchedulePlace = { kind: job.address.kind, place: job.tick.place };
    for (;;) {
      const { schedule, ticks } = await readSchedulePlace(broker, at);
      const decision = await this.#decide(candidate, schedule, ticks.record);
      const isOver = job.tick.isMakeUp && decision.kind !== 'known' && isOutdated(job.request, schedule);
      if (decision.kind === 'repeated' || isOver) {
        const isRepeated = decision.kind === 'repeated';
        const why = isRepeated
          ? `its run is job ${decision.of}`
          : 'its schedule was changed or removed meanwhile';
        // Nothing is noted of it: it is no tick. Its message is not removed, since a consumer has it (decision 15).
        await this.#skip(candidate, why, lastSeq);
        return false;
      }
      // It was removed after it had fired: what it has started goes on.
      if (!schedule && ticks.seq === 0) return true;
      try {
        if ('record' in decision) await broker.schedules.putTicks(at, decision.record, ticks.seq);
      } catch (error) {
        // Another tick was decided meanwhile.
        if (error instanceof ConflictError) continue;
        throw error;
      }
      await this.#services.onFailpoint?.('tick.decided', job.request.id);
      const outcome = decision.kind === 'known' ? decision.outcome : decision.kind;
      if (schedule) await this.#keepUp(schedule, job.tick, delivery.timeMs);
      if (outcome === 'skip') {
        const reason =
          decision.kind === 'skip' ? decision.reason : (ticks.record.lastSkip?.reason ?? 'by its policy');
        await this.#skip(candidate, reason, lastSeq);
        return false;
      }
      const { cancels = [] } = decision.kind === 'run' ? decision.record : ticks.record;
      const isLast = decision.kind === 'run' || ticks.record.last?.id === job.request.id;
      if (isLast) for (const { id } of cancels) await this.#cancel(id, job.request.id);
      if (!schedule?.jitterMs || !job.tick.nextMs) return true;
      await this.#putOff(candidate, schedule.jitterMs, lastSeq);
      return false;
    }
  }

  async #decide(
    { delivery, job }: TickCandidate,
    schedule: StoredSchedule | undefined,
    record: Parameters<typeof decideTick>[0]['record'],
  ): Promise<TickDecision> {
    const { broker } = this.#services;
    const { nextMs, overlap = schedule?.overlap ?? 'allow' } = job.tick;
    const before = overlap === 'allow' || !record.last ? [] : [...(record.cancels ?? []), record.last];
    const areActive = await Promise.all(before.map((run) => isActive(broker, job.address.kind, run)));
    const active = before.filter((_, at) => areActive[at]);
    const { timing, untilMs } = schedule ?? { timing: {} };
    return decideTick({
      tick: {
        id: job.request.id,
        seq: delivery.seq,
        storedMs: delivery.timeMs,
        ...(nextMs !== undefined && { nextMs }),
      },
      schedule: {
        overlap,
        changedMs: schedule?.message.timeMs ?? 0,
        ...(timing.everyMs !== undefined && { everyMs: timing.everyMs }),
        ...(untilMs !== undefined && { untilMs }),
      },
      active,
      record,
      // By the broker's own clock, which says when the tick was stored.
      nowMs: factsOf(this.#services, delivery).nowMs - broker.clock.aheadMs,
    });
  }

  /** Removes a schedule that has had its last tick, and has an interval begin anew with a tick that was made up for. */
  async #keepUp(schedule: StoredSchedule, { nextMs, isMakeUp }: Tick, storedMs: number): Promise<void> {
    const { topology, schedules } = this.#services.broker;
    const { at, message, timing, untilMs, pausedAt } = schedule;
    if (nextMs === undefined) return;
    if (untilMs !== undefined && nextMs >= untilMs) {
      await topology.purge('timers', message.subject, message.seq);
    } else if (
      isMakeUp &&
      timing.everyMs !== undefined &&
      pausedAt === undefined &&
      message.timeMs < storedMs
    ) {
      const same = { data: message.data, headers: keptHeaders(message.headers) };
      await unlessFaster(schedules.put(at, same, message.seq));
    }
  }

  /** The record says why, and is the end of the job. */
  async #skip({ delivery, job }: TickCandidate, reason: string, lastSeq: number): Promise<void> {
    const error: JobErrorInfo = {
      code: 'JETFLEET_TICK_SKIPPED',
      message: `The tick was skipped: ${reason}`,
      retryable: false,
    };
    const before = pendingRecord(job.request, this.#maxAttempts);
    const facts = factsOf(this.#services, delivery);
    await writeEvent(
      this.#services,
      transitionRecord(before, 'cancelled', { attempt: 0, error }, facts),
      lastSeq,
    );
    delivery.ack();
  }

  /** One that has ended meanwhile, or was removed, is in nobody's way. */
  async #cancel(id: string, by: string): Promise<void> {
    try {
      await cancelJob(this.#services.broker, id, `job ${by} of the same schedule took its place`);
    } catch (error) {
      const isOver = error instanceof ConflictError || JetfleetError.is(error, 'JETFLEET_NOT_FOUND');
      if (!isOver) throw error;
    }
  }

  /** The job waits for a timer of its own. */
  async #putOff({ delivery, job }: TickCandidate, jitterMs: number, lastSeq: number): Promise<void> {
    const facts = factsOf(this.#services, delivery);
    const nextRunAt = new Date(facts.nowMs + Math.random() * jitterMs).toISOString();
    const record: JobRecord = {
      ...pendingRecord(job.request, this.#maxAttempts, nextRunAt),
      updatedAt: new Date(facts.nowMs).toISOString(),
      workSeq: delivery.seq,
    };
    await writeEvent(this.#services, record, lastSeq);
    await followThrough(this.#services, record, job.address.kind);
    delivery.ack();
  }
}

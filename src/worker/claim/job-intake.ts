import type { Delivery } from '../../broker/consume/delivery.js';
import { toJobError } from '../../jobs/job-error.js';
import { decodeJob } from '../../wire/job-message.js';
import type { RegisteredHandler } from '../job-handler.js';
import { Lane } from '../lane/lane.js';
import type { Slot } from '../lane/slots.js';
import { JobRun } from '../run/job-run.js';
import type { WorkerServices } from '../worker-services.js';
import type { Candidate, ClaimedJob } from './candidate.js';
import { Claimer } from './claimer.js';

/** Takes the deliveries of one job type: reads each, has its job claimed, and begins its run. */
export class JobIntake {
  readonly #services: WorkerServices;
  readonly #claimer: Claimer;
  /** What waits on its way from its delivery to its run, by job id. */
  readonly #taking = new Map<string, Candidate>();

  constructor(services: WorkerServices, handler: RegisteredHandler) {
    this.#services = services;
    this.#claimer = new Claimer(services, handler);
  }

  /** Takes a delivery up to where its job runs, or to its end; a new job runs at once. What goes wrong here comes again. */
  take(delivery: Delivery, slot: Slot): void {
    const { broker, runs, onFailpoint } = this.#services;
    try {
      const job = decodeJob(broker.subjects, delivery, undefined, broker.sealer);
      const { id } = job.request;
      if (runs.get(id)?.adopt(delivery) || this.#isTaking(id, delivery)) {
        endWithoutRun(slot);
        return;
      }
      const candidate = { delivery, job, slot };
      const reached = onFailpoint?.('claim.delivered', id);
      const claim =
        reached instanceof Promise
          ? reached.then(() => this.#claimer.claim(candidate))
          : this.#claimer.claim(candidate);
      if (claim instanceof Promise) void this.#beginLater(candidate, claim);
      else this.#begin(candidate, claim);
    } catch (error) {
      this.#handBack(delivery, error);
      endWithoutRun(slot);
    }
  }

  /** The message may be handed out again meanwhile. Never rejects. */
  async #beginLater(candidate: Candidate, claim: Promise<ClaimedJob | undefined>): Promise<void> {
    const { id } = candidate.job.request;
    this.#taking.set(id, candidate);
    try {
      this.#begin(candidate, await claim);
    } catch (error) {
      this.#handBack(candidate.delivery, error);
      endWithoutRun(candidate.slot);
    }
    if (this.#taking.get(id) === candidate) this.#taking.delete(id);
  }

  #begin({ slot }: Candidate, claimed: ClaimedJob | undefined): void {
    if (!claimed) {
      endWithoutRun(slot);
      return;
    }
    const run = new JobRun(this.#services, claimed);
    // From here on the run gives the slot back.
    run.begin();
    if (this.#services.isReleasing()) run.release();
  }

  /** Whether this worker is about to claim the job by the same message. To claim it once more would be to take it over from oneself. */
  #isTaking(id: string, delivery: Delivery): boolean {
    const candidate = this.#taking.get(id);
    if (candidate?.delivery.seq !== delivery.seq) return false;
    candidate.delivery = delivery;
    delivery.working();
    return true;
  }

  /** What the broker did not do may go well later; what is wrong with the job itself has ended it already. */
  #handBack(delivery: Delivery, error: unknown): void {
    const { subject, seq } = delivery;
    const { code, message } = toJobError(error);
    this.#services.logger.error({ code, message, subject, seq }, 'cannot take the job; it comes again');
    if (this.#services.isReleasing()) delivery.nak();
    else delivery.nakLater();
  }
}

function endWithoutRun(slot: Slot): void {
  slot.free();
  slot.answered();
}

/** What takes the jobs of a handler. */
export function laneOf(services: WorkerServices, handler: RegisteredHandler): Lane {
  const { broker, firstDeliveries, logger } = services;
  const intake = new JobIntake(services, handler);
  return new Lane({
    broker,
    type: handler.type,
    concurrency: handler.concurrency,
    priorities: handler.priorities,
    onDelivery: (delivery, slot) => void intake.take(delivery, slot),
    onRewound: () => void firstDeliveries.renew(),
    logger,
  });
}

import type { Broker } from '../broker/broker.js';
import type { JobQueueService } from '../queue/job-queue-service.js';
import { checkConsumers } from './check-consumers.js';
import { checkHeld } from './check-held.js';
import type { JobCheck } from './check-jobs.js';
import { checkLimits } from './check-limits.js';
import { checkObjects } from './check-objects.js';
import { checkPauses } from './check-pauses.js';
import { checkSchedules } from './check-schedules.js';
import { checkSignals } from './check-signals.js';
import type { Check } from './finding.js';

/**
 * What is checked of the jobs of a queue, and of what belongs to them, by the sweeper and the doctor alike. Jobs come first, so that
 * nothing else holds them up.
 * @param graceMs how long something may be overdue
 */
export function jobChecks(queue: JobQueueService, broker: Broker, jobs: JobCheck, graceMs: number): Check[] {
  return [
    ...jobs.checks,
    { name: 'consumers', look: () => checkConsumers(broker) },
    { name: 'pauses', look: () => checkPauses(broker) },
    { name: 'schedules', look: () => checkSchedules(broker, graceMs) },
    { name: 'signals', look: () => checkSignals(broker, graceMs) },
    { name: 'objects', look: () => checkObjects(broker, graceMs) },
    { name: 'limits', look: () => checkLimits(broker, queue.limiter(broker), graceMs) },
    // What it repairs takes its time.
    { name: 'held messages', look: () => checkHeld(broker) },
  ];
}

import { listWorkers } from '../inspect/fleet.js';
import type { JobQueueService } from '../queue/job-queue-service.js';

/** How many stand in each state of a machine: known of jobs and of workers, empty for any other. */
export async function stateCounts(queue: JobQueueService, machine: string): Promise<Record<string, number>> {
  if (queue.isConnected === false) return {};
  if (machine === 'job') return jobCounts(queue);
  if (machine === 'worker_lifecycle') return workerCounts(queue);
  return {};
}

async function jobCounts(queue: JobQueueService): Promise<Record<string, number>> {
  const stats = await queue.getStats();
  const { pendingJobs, processingJobs, scheduledJobs, retryingJobs, waitingJobs } = stats;
  return {
    pending: pendingJobs,
    'pending.queued': Math.max(0, pendingJobs - scheduledJobs - retryingJobs),
    'pending.scheduled': scheduledJobs,
    'pending.retrying': retryingJobs,
    processing: processingJobs,
    'processing.running': Math.max(0, processingJobs - waitingJobs),
    'processing.waiting': waitingJobs,
    completed: stats.completedJobs,
    failed: stats.failedJobs,
  };
}

async function workerCounts(queue: JobQueueService): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { state } of await listWorkers(queue)) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

import { type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { expect, vi } from 'vitest';
import type { JobQueueService } from '../../src/index.js';

/**
 * Adds the job `lost` of the type `step`, whose consumer then loses sight of its message: after one delivery such a consumer
 * gives a message up, and leaves it where it is. The queue's `ackWaitMs` has to be short.
 */
export async function loseMessage(
  queue: JobQueueService,
): Promise<{ jsm: JetStreamManager; stream: string }> {
  const { connection, subjects } = await queue.broker();
  const stream = subjects.streamName('jobs');
  const jsm = await jetstreamManager(connection);
  await jsm.consumers.update(stream, 'step-normal', { max_deliver: 1 });
  await queue.addJob('step', {}, 'normal', { id: 'lost' });
  const consumer = await jetstream(connection).consumers.get(stream, 'step-normal');
  await consumer.next({ expires: 30_000 });
  await vi.waitFor(async () => expect((await consumer.info()).num_ack_pending).toBe(0));
  return { jsm, stream };
}

import { headers } from '@nats-io/transport-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NonRetryableError } from '../../src/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { aborted } from '../support/gate.js';

let fleet: Fleet;
beforeAll(async () => {
  const handlers = {
    resize_disk: () => 'done',
    broken: () => Promise.reject(new NonRetryableError('no such disk')),
    slow: {
      timeoutMs: 50,
      handler: ({ signal }: { signal: AbortSignal }) => aborted(signal),
    },
  };
  fleet = await startFleet({ handlers, builtIn: true });
});
afterAll(() => fleet.close());

/** The body that arrives at a path, from a sender who has signed it. */
async function arrivesAt(path: string): Promise<object> {
  const request = await fleet.receiver.waitFor((each) => each.path === path);
  expect(request.verified).toBe(true);
  return JSON.parse(request.body);
}

it.each([
  ['resize_disk', 'completed', {}],
  ['broken', 'failed', { error: 'no such disk', errorCode: 'JETFLEET_NON_RETRYABLE' }],
  ['slow', 'timeout', { error: expect.any(String), errorCode: 'JETFLEET_TIMEOUT' }],
])(
  "the end of a job of a type of one's own is told where its webhookUrl says: %s",
  async (type, status, why) => {
    const webhookUrl = `${fleet.receiver.url}/${type}`;
    const jobId = await fleet.queue.addJob(type, { webhookUrl: 'of the handler' }, 'normal', { webhookUrl });
    expect(await arrivesAt(`/${type}`)).toEqual({
      type: `job.${status}`,
      timestamp: expect.stringMatching(/Z$/),
      sequence: expect.any(Number),
      data: { jobId, jobType: type, status, elapsedTime: expect.any(Number), ...why },
    });
  },
);

it('and where the header of a foreign producer says', async () => {
  const { connection, subjects } = await fleet.queue.broker();
  const sent = headers();
  sent.set('Jetfleet-Webhook-Url', `${fleet.receiver.url}/foreign`);
  const address = { kind: 'jobs', priority: 'low', type: 'resize_disk', id: 'foreign' } as const;
  connection.publish(subjects.work(address), '{}', { headers: sent });
  expect(await arrivesAt('/foreign')).toMatchObject({ type: 'job.completed', data: { jobId: 'foreign' } });
});

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
let fleet: Fleet;

beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());
beforeEach(async () => {
  fleet = await startFleet({ nats, handlers: { demo: () => 'done' } });
  return () => fleet.close();
});

/** Somebody who may publish anything writes on the subjects of a job. */
async function meddle(id: string, body: string): Promise<void> {
  const { connection, subjects } = await fleet.queue.broker();
  connection.publish(subjects.event('demo', 'completed', id), body);
  await connection.flush();
}

const add = (id: string) => fleet.queue.addJob('demo', null, 'normal', { id });

describe.each([
  'not JSON',
  '{"id":"x","status":"completed"}',
  '[]',
  '{"id":"x","state":"lost","status":"lost"}',
])('a message on EVENTS that is no record: %s', (body) => {
  it('keeps no job from running', async () => {
    await meddle('x', body);
    await add('x');
    expect(await fleet.waitForJob('x', 'completed')).toMatchObject({ attempt: 1, result: 'done' });
  });

  it('does not hide what a job has become, nor run it again', async () => {
    await add('y');
    const before = await fleet.waitForJob('y', 'completed');
    await meddle('y', body);
    expect(await fleet.queue.getJob('y')).toEqual(before);
    await add('y');
    await add('z');
    await fleet.waitForJob('z', 'completed');
    expect(await fleet.queue.getJob('y')).toEqual(before);
  });
});

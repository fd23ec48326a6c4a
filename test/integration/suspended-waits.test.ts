import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import type { EmbeddedServer } from '../../src/embedded/index.js';
import type { JobHandler, JobRecord } from '../../src/index.js';
import { isTerminal } from '../../src/jobs/vocabulary.js';
import { Header } from '../../src/wire/headers.js';
import { allOfJob } from '../../src/wire/signal-subjects.js';
import { type Fleet, startFleet } from '../support/fleet.js';
import { gate } from '../support/gate.js';
import { startNats } from '../support/nats.js';

let nats: EmbeddedServer;
beforeAll(async () => {
  nats = await startNats();
});
afterAll(() => nats.stop());

const SECOND_MS = 600_000;

/** A job whose first wait is written, and whose worker stands still before it sets the timer. */
async function suspended(
  handler: JobHandler,
): Promise<{ fleet: Fleet; id: string; goOn: () => Promise<void> }> {
  const before = gate();
  const after = gate();
  let isFirst = true;
  let isLate = false;
  const fleet = await startFleet({
    nats,
    handlers: { waits: handler },
    worker: {
      onFailpoint: (failpoint) => {
        if (failpoint === 'retry.written' && isFirst) {
          isFirst = false;
          return before.opened;
        }
        if (failpoint === 'retry.timer-set' && isLate) after.open();
      },
    },
  });
  const id = await fleet.queue.addJob('waits', null);
  const waiting = await fleet.waitForJob(id, 'waiting');
  // As a sweep does for a waiting job without a timer.
  const broker = await fleet.queue.broker();
  await broker.jobs.setTimer('jobs', waiting, Date.parse(waiting.nextRunAt ?? ''));
  const goOn = () => {
    isLate = true;
    before.open();
    return after.opened;
  };
  return { fleet, id, goOn };
}

async function timerOf({ queue }: Fleet, id: string) {
  const { read, subjects } = await queue.broker();
  const subject = subjects.timer('waiting', { kind: 'jobs', priority: 'normal', type: 'waits', id });
  return (await read.lastOfEach(subjects.streamName('timers'), [subject]))[0];
}

it('a timer that is set after its job has ended is removed', async () => {
  const { fleet, id, goOn } = await suspended((job) => job.waitForSignal('go'));
  await using _ = fleet;
  await fleet.queue.signal(id, 'go', 'gone');
  await fleet.waitForJob(id, 'completed');
  await goOn();
  expect(await timerOf(fleet, id)).toBeUndefined();
});

it('a timer that is set when its job waits for something else gives way to that of the later wait', async () => {
  const { fleet, id, goOn } = await suspended(async (job) => [
    await job.waitForSignal('go'),
    await job.waitForSignal('more', { timeoutMs: SECOND_MS }),
  ]);
  await using _ = fleet;
  await fleet.queue.signal(id, 'go', 1);
  const isSecond = ({ state, waitsFor }: JobRecord) =>
    state === 'waiting' && waitsFor?.signals?.[0]?.name === 'more';
  const { nextRunAt = '' } = await fleet.waitForJob(id, isSecond);
  await goOn();
  // It is set before it gives way.
  await vi.waitFor(async () =>
    expect((await timerOf(fleet, id))?.headers.get(Header.SCHEDULE)).toBe(`@at ${nextRunAt}`),
  );
  await fleet.queue.signal(id, 'more', 2);
  expect(await fleet.waitForJob(id, 'completed')).toMatchObject({ result: [1, 2] });
});

it('the children that a worker notes of a job which another one has ended are forgotten', async () => {
  const noting = gate();
  const held = gate();
  const parent: JobHandler = (job) => job.children([{ type: 'child', payload: null }]);
  await using fleet = await startFleet({
    nats,
    handlers: { parent: { handler: parent, claim: 'durable' }, child: { handler: () => {}, concurrency: 1 } },
  });
  const broker = await fleet.queue.broker();
  const note = broker.children.note.bind(broker.children);
  vi.spyOn(broker.children, 'note').mockImplementationOnce(async (...args) => {
    noting.open();
    await held.opened;
    return note(...args);
  });
  const id = await fleet.queue.addJob('parent', null);
  await noting.opened;
  const last = await broker.lastEvent(id);
  const ended = { ...(last?.record as JobRecord), status: 'completed', state: 'completed' } as const;
  await broker.appendEvent(ended, last?.seq ?? 0);
  held.open();
  await fleet.waitForJob(`${id}-c0-0`, ({ status }) => isTerminal(status));
  const { read, subjects } = broker;
  await vi.waitFor(async () =>
    expect(await read.lastOfEach(subjects.streamName('signals'), [allOfJob(subjects, id)])).toEqual([]),
  );
});

import { describe, expect, it } from 'vitest';
import { createActor, fromPromise, waitFor } from 'xstate';
import { adjacencyMapToArray, getAdjacencyMap, getShortestPaths } from 'xstate/graph';
import {
  type WorkerLifecycleEvent,
  type WorkerLifecycleState,
  workerLifecycleMachine,
} from '../../../machines/index.js';

const internal = (event: { type: string; error?: unknown }) => event as unknown as WorkerLifecycleEvent;
const events: WorkerLifecycleEvent[] = [
  { type: 'START' },
  { type: 'STOP' },
  { type: 'SHUTDOWN', timeoutMs: 30_000 },
  { type: 'BROKER_LOST' },
  { type: 'BROKER_BACK' },
  internal({ type: 'xstate.done.actor.0.worker_lifecycle.starting' }),
  internal({ type: 'xstate.error.actor.0.worker_lifecycle.starting', error: new Error('no broker') }),
  internal({ type: 'xstate.done.actor.0.worker_lifecycle.draining' }),
  internal({ type: 'xstate.error.actor.0.worker_lifecycle.draining', error: new Error('lost') }),
];

interface Fakes {
  startUp?: () => Promise<void>;
  drain?: (timeoutMs: number) => Promise<void>;
}

function worker({ startUp = async () => {}, drain = async () => {} }: Fakes = {}) {
  const machine = workerLifecycleMachine.provide({
    actors: {
      startUp: fromPromise(startUp),
      drain: fromPromise((args) => drain(args.input.timeoutMs)),
    },
  });
  return createActor(machine).start();
}

const until = (actor: ReturnType<typeof worker>, state: WorkerLifecycleState) =>
  waitFor(actor, ({ value }) => value === state);

describe('the life of a worker', () => {
  it('starts, pauses, resumes without starting up again, drains and stops', async () => {
    let startUps = 0;
    const timeouts: number[] = [];
    const actor = worker({
      startUp: async () => void startUps++,
      drain: async (timeoutMs) => void timeouts.push(timeoutMs),
    });
    actor.send({ type: 'START' });
    await until(actor, 'running');
    actor.send({ type: 'STOP' });
    expect(actor.getSnapshot().value).toBe('paused');
    actor.send({ type: 'START' });
    expect(actor.getSnapshot().value).toBe('running');
    actor.send({ type: 'SHUTDOWN', timeoutMs: 5_000 });
    await until(actor, 'stopped');
    expect(startUps).toBe(1);
    expect(timeouts).toEqual([5_000]);
  });

  it('says why it could not start, and can try again', async () => {
    let broken = true;
    const actor = worker({
      startUp: async () => {
        if (broken) throw new Error('no broker at 127.0.0.1:4222');
      },
    });
    actor.send({ type: 'START' });
    expect((await until(actor, 'failed')).context.error?.message).toContain('127.0.0.1:4222');
    broken = false;
    actor.send({ type: 'START' });
    expect((await until(actor, 'running')).context.error).toBeUndefined();
    actor.stop();
  });

  it('is disconnected only while the broker is away', async () => {
    const actor = worker();
    actor.send({ type: 'START' });
    await until(actor, 'running');
    actor.send({ type: 'BROKER_LOST' });
    expect(actor.getSnapshot().value).toBe('disconnected');
    actor.send({ type: 'BROKER_BACK' });
    expect(actor.getSnapshot().value).toBe('running');
    actor.stop();
  });

  it('aborts a start that a shutdown overtakes', async () => {
    let aborted = false;
    const machine = workerLifecycleMachine.provide({
      actors: {
        startUp: fromPromise(({ signal }) => {
          signal.addEventListener('abort', () => (aborted = true));
          return new Promise<void>(() => {});
        }),
        drain: fromPromise(async () => {}),
      },
    });
    const actor = createActor(machine).start();
    actor.send({ type: 'START' });
    actor.send({ type: 'SHUTDOWN', timeoutMs: 1 });
    expect(aborted).toBe(true);
    await waitFor(actor, ({ value }) => value === 'stopped');
  });

  it('stops even when draining fails, and keeps the error', async () => {
    const actor = worker({ drain: () => Promise.reject(new Error('broker is gone')) });
    actor.send({ type: 'SHUTDOWN', timeoutMs: 1 });
    expect((await until(actor, 'stopped')).context.error?.message).toBe('broker is gone');
  });
});

describe('every edge of the chart', () => {
  it('reaches every state', () => {
    const reached = getShortestPaths(workerLifecycleMachine, { events }).map(({ state }) => state.value);
    expect([...new Set(reached)].sort()).toEqual(Object.keys(workerLifecycleMachine.states).sort());
  });

  it('can be shut down from everywhere, with the timeout that was asked for', () => {
    const edges = adjacencyMapToArray(getAdjacencyMap(workerLifecycleMachine, { events }));
    const shutDowns = edges.filter(({ event }) => event.type === 'SHUTDOWN');
    expect(shutDowns.length).toBeGreaterThan(6);
    for (const { state, nextState } of shutDowns) {
      if (state.value === 'stopped') expect(nextState.value).toBe('stopped');
      else expect(nextState).toMatchObject({ value: 'draining', context: { timeoutMs: 30_000 } });
    }
  });
});

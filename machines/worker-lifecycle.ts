import { assign, setup } from 'xstate';
import type { JobErrorInfo } from '../src/jobs/errors.js';
import { toJobError } from '../src/jobs/job-error.js';
import { notProvided, type Thrown, thrown } from './run-input.js';

export interface WorkerLifecycleContext {
  /** How long a drain may wait for running jobs; set by SHUTDOWN. */
  timeoutMs: number;
  /** Why the worker could not start, or not drain. */
  error?: JobErrorInfo;
}

export type WorkerLifecycleEvent =
  | { type: 'START' }
  /** Claims nothing more; jobs that run go on. */
  | { type: 'STOP' }
  /** Drains for at most `timeoutMs`, then hands the rest back. */
  | { type: 'SHUTDOWN'; timeoutMs: number }
  | { type: 'BROKER_LOST' }
  | { type: 'BROKER_BACK' };

const saveError = { type: 'saveError', params: thrown } as const;
const shutDown = {
  target: 'draining',
  actions: {
    type: 'saveTimeout',
    params: ({ event }: { event: { timeoutMs: number } }) => ({ timeoutMs: event.timeoutMs }),
  },
} as const;

/** The life of one worker process, from idle to stopped. */
export const workerLifecycleMachine = setup({
  types: { context: {} as WorkerLifecycleContext, events: {} as WorkerLifecycleEvent },
  actors: {
    startUp: notProvided<void, void>(),
    drain: notProvided<void, { timeoutMs: number }>(),
  },
  actions: {
    saveTimeout: assign((_, { timeoutMs }: { timeoutMs: number }) => ({ timeoutMs })),
    saveError: assign((_, { error }: Thrown) => ({ error: toJobError(error) })),
    clearError: assign({ error: undefined }),
  },
}).createMachine({
  id: 'worker_lifecycle',
  version: '1',
  description: 'The life of a worker.',
  context: { timeoutMs: 0 },
  initial: 'idle',
  states: {
    idle: {
      description: 'Holds nothing yet.',
      on: { START: 'starting', SHUTDOWN: shutDown },
    },
    starting: {
      description: 'Checks the broker, its streams and consumers.',
      entry: 'clearError',
      invoke: {
        src: 'startUp',
        onDone: 'running',
        onError: { target: 'failed', actions: saveError },
      },
      on: { STOP: 'idle', SHUTDOWN: shutDown },
    },
    running: {
      description: 'Claims jobs and runs them.',
      on: { STOP: 'paused', BROKER_LOST: 'disconnected', SHUTDOWN: shutDown },
    },
    disconnected: {
      description: 'Cannot claim until the broker is back; jobs that run go on.',
      on: { BROKER_BACK: 'running', STOP: 'paused', SHUTDOWN: shutDown },
    },
    paused: {
      description: 'Claims nothing; jobs that run go on.',
      on: { START: 'running', SHUTDOWN: shutDown },
    },
    failed: {
      description: 'Could not start. The error says why, and START tries again.',
      on: { START: 'starting', SHUTDOWN: shutDown },
    },
    draining: {
      description: 'Waits for running jobs, then hands back those that are left.',
      invoke: {
        src: 'drain',
        input: ({ context }) => ({ timeoutMs: context.timeoutMs }),
        onDone: 'stopped',
        // Stopping cannot be refused: what could not be handed back is taken over when its lease ends.
        onError: { target: 'stopped', actions: saveError },
      },
    },
    stopped: { type: 'final', description: 'Holds nothing any more.' },
  },
});

export type WorkerLifecycleState = ReturnType<typeof workerLifecycleMachine.getInitialSnapshot>['value'];

import { type Actor, createActor } from 'xstate';
import {
  type JobContext,
  type JobEvent,
  type JobMachine,
  type JobMachineInput,
  jobStateOf,
  resolveJobState,
} from '../../../machines/index.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobState } from '../../jobs/vocabulary.js';
import type { Observer } from './run-inspection.js';

/** The claim that an actor stands for. */
export interface ActorClaim {
  record: JobRecord;
  machine: JobMachine;
  /** The chart's state before the claim, what it knew then, and the event that the claim stands for. */
  from: JobState;
  input: () => JobMachineInput;
  event: JobEvent;
}

interface ActorCallbacks {
  /** The attempt is over, and led to this. */
  onLeft: (state: JobState, context: JobContext) => void;
  onError: (error: unknown) => void;
  inspect?: Observer;
}

/** The state machine of a claimed job, brought to where the job stands by its record of now. */
export function startJobActor(
  { record: claim, machine, from, input, event }: ActorClaim,
  { id, checkpoint }: JobRecord,
  { onLeft, onError, inspect }: ActorCallbacks,
): Actor<JobMachine> {
  const actor = createActor(machine, {
    id,
    // It goes on from the snapshot, which holds what an input would have given.
    input: undefined,
    snapshot: resolveJobState(from, input(), machine),
    ...(inspect && { inspect }),
  });
  let isRunning = false;
  actor.subscribe({
    next: (snapshot) => {
      const state = jobStateOf(snapshot);
      isRunning ||= state === 'running';
      if (isRunning && state !== 'running') onLeft(state, snapshot.context);
    },
    error: onError,
  });
  actor.start();
  actor.send(event);
  if (checkpoint !== claim.checkpoint) actor.send({ type: 'CHECKPOINT', checkpoint });
  return actor;
}

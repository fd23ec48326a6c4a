import { type Actor, type AnyActorLogic, createActor, fromPromise } from 'xstate';
import {
  type JobMachine,
  type JobMachineContext,
  type JobMachineInput,
  jobStateOf,
  type RunInput,
  resolveJobState,
} from '../../../machines/index.js';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { JobRecord } from '../../jobs/job-record.js';
import type { JobOutcome } from '../../jobs/outcome.js';
import type { JobState } from '../../jobs/vocabulary.js';
import type { ClaimedJob } from '../claim/candidate.js';
import type { RegisteredHandler } from '../job-handler.js';
import type { Observer } from '../steps/run-steps.js';

/** The logic that the job chart invokes while it runs: a handler as a promise, or the chart itself. */
export function runLogic(
  runs: ReadonlyMap<string, { run(): Promise<JobOutcome> }>,
  { run }: RegisteredHandler,
): AnyActorLogic {
  if (run.kind === 'chart') return run.logic;
  return fromPromise(async ({ input }: { input: RunInput }) => heldJobOf(runs, input.jobId).run());
}

/** @throws JetfleetError `JETFLEET_LEASE_LOST` for one that the worker does not run any more */
export function heldJobOf<Job>(runs: ReadonlyMap<string, Job>, id: string): Job {
  const held = runs.get(id);
  if (!held) throw new JetfleetError('JETFLEET_LEASE_LOST', `job ${id} is not held any more`);
  return held;
}

/** What the job chart is given: the job as it was before its claim. */
export function machineInput({
  before,
  payload,
  handler,
}: Pick<ClaimedJob, 'before' | 'payload' | 'handler'>): JobMachineInput {
  const { id, type, attempt, maxAttempts, checkpoint, webhookUrl, tags } = before;
  const { timeoutMs = handler.timeoutMs } = before;
  const options = { timeoutMs, checkpoint, webhookUrl, tags };
  return defined({ jobId: id, type, payload, attempt, maxAttempts, ...options });
}

interface ActorCallbacks {
  onLeft: (state: JobState, context: JobMachineContext) => void;
  onError: (error: unknown) => void;
  inspect?: Observer;
}

/** The state machine of a claimed job, brought to where the job stands by its record of now. */
export function startJobActor(
  claimed: ClaimedJob,
  { id, checkpoint }: JobRecord,
  { onLeft, onError, inspect }: ActorCallbacks,
): Actor<JobMachine> {
  const { before, event, machine, record } = claimed;
  const actor = createActor(machine, {
    id,
    // It goes on from the snapshot, which holds what an input would have given.
    input: undefined,
    snapshot: resolveJobState(before.state, machineInput(claimed), machine),
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
  if (checkpoint !== record.checkpoint) actor.send({ type: 'CHECKPOINT', checkpoint });
  return actor;
}

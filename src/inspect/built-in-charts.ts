import type { AnyStateMachine } from 'xstate';
import * as machines from '../../machines/index.js';

const MACHINES: readonly AnyStateMachine[] = [
  machines.jobMachine,
  machines.createInstanceMachine,
  machines.monitorInstanceMachine,
  machines.deleteInstanceMachine,
  machines.sendWebhookMachine,
  machines.workerLifecycleMachine,
];

/** The machines that come with Jetfleet, by id. */
export const BUILT_IN_CHARTS: ReadonlyMap<string, AnyStateMachine> = new Map(
  MACHINES.map((machine) => [machine.id, machine]),
);

import { fork } from 'node:child_process';
import { scriptOf } from '../script.js';
import { nextMessage } from './child-process.js';

/** What the process answers once its instances exist. */
export interface SimulatorReady {
  url: string;
  apiKey: string;
  instanceIds: string[];
}

export interface SimulatorProcess extends SimulatorReady, Disposable {
  /** API calls since the start. */
  calls(): Promise<number>;
}

/** Starts a simulated provider with instances that never come to run. */
export async function startSimulatorProcess(instances: number): Promise<SimulatorProcess> {
  // Without the limit that is set to the worker's memory.
  const execArgv = process.execArgv.filter((flag) => !flag.startsWith('--max-'));
  const child = fork(scriptOf('simulator'), { execArgv });
  const ask = (message: number): Promise<unknown> => {
    child.send(message);
    return nextMessage(child, 'the simulated provider');
  };
  const ready = (await ask(instances)) as SimulatorReady;
  return {
    ...ready,
    calls: async () => Number(await ask(0)),
    [Symbol.dispose]: () => child.disconnect(),
  };
}

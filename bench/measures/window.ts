import { treeUsage } from '../servers/process-tree.js';
import type { Figures } from '../unit.js';

/** The time that a piece of work takes, and the processor time that client and server spend on it. */
export interface Window {
  elapsedMs: number;
  clientCpuMicros: number;
  serverCpuMicros: number;
}

export async function timed(serverPid: number, work: () => Promise<void>): Promise<Window> {
  const server = treeUsage(serverPid).cpuMicros;
  const client = process.cpuUsage();
  const start = performance.now();
  await work();
  const elapsedMs = performance.now() - start;
  const { user, system } = process.cpuUsage(client);
  return {
    elapsedMs,
    clientCpuMicros: user + system,
    serverCpuMicros: treeUsage(serverPid).cpuMicros - server,
  };
}

export function perJob({ elapsedMs, clientCpuMicros, serverCpuMicros }: Window, jobs: number): Figures {
  return {
    jobsPerSecond: (jobs / elapsedMs) * 1_000,
    clientCpuMicrosPerJob: clientCpuMicros / jobs,
    serverCpuMicrosPerJob: serverCpuMicros / jobs,
  };
}

import { readdirSync, readFileSync } from 'node:fs';

/** What a process and all below it have used. */
export interface TreeUsage {
  /** Processor time since the start, ended children included, in microseconds. Its grain is 10 milliseconds. */
  cpuMicros: number;
  /** Resident memory now. Pages that processes share count in each of them. */
  rssBytes: number;
}

/** Ticks of `/proc/<pid>/stat`: Linux has 100 a second on every architecture that Node runs on. */
const MICROS_PER_TICK = 10_000;
const BYTES_PER_KIB = 1024;

/** Positions in `/proc/<pid>/stat` after the name, which may hold spaces: proc(5) counts from 3 there. */
const STAT_FIELD = { parent: 1, userTime: 11, childrenSystemTime: 14 } as const;

export function treeUsage(root: number): TreeUsage {
  const usage: TreeUsage = { cpuMicros: 0, rssBytes: 0 };
  const children = childrenByParent();
  const queue = [root];
  for (let pid = queue.pop(); pid !== undefined; pid = queue.pop()) {
    queue.push(...(children.get(pid) ?? []));
    usage.cpuMicros += cpuMicros(pid);
    usage.rssBytes += rssBytes(pid);
  }
  return usage;
}

function childrenByParent(): Map<number, number[]> {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const parent = Number(statOf(Number(name))?.[STAT_FIELD.parent]);
    if (parent) children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  return children;
}

/** The process's own time, and that of its children that have ended. */
function cpuMicros(pid: number): number {
  const times = statOf(pid)?.slice(STAT_FIELD.userTime, STAT_FIELD.childrenSystemTime + 1) ?? [];
  return times.reduce((sum, ticks) => sum + Number(ticks), 0) * MICROS_PER_TICK;
}

function rssBytes(pid: number): number {
  const kib = readProc(`/proc/${pid}/status`)?.match(/^VmRSS:\s+(\d+) kB$/m)?.[1];
  return Number(kib ?? 0) * BYTES_PER_KIB;
}

function statOf(pid: number): string[] | undefined {
  const text = readProc(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ');
}

/** Undefined for a process that has ended meanwhile. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

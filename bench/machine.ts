import { cpus, release, totalmem, type } from 'node:os';

/** What the figures were measured on. */
export interface Machine {
  cpus: number;
  model: string;
  memoryGiB: number;
  kernel: string;
}

const BYTES_PER_GIB = 1024 ** 3;

export function thisMachine(): Machine {
  return {
    cpus: cpus().length,
    model: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round((totalmem() / BYTES_PER_GIB) * 10) / 10,
    kernel: `${type()} ${release()}`,
  };
}

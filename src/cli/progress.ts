/** How far a long command is, on stderr. */
import type { Command } from 'commander';

export interface ProgressFlags {
  progress?: boolean;
}

/** A command that takes less shows nothing. */
const FIRST_MS = 500;
/** Between two changes of the line of a terminal, and between two lines elsewhere. */
const TERMINAL_MS = 100;
const LINES_MS = 2_000;

/** For commands that may take long. */
export function withProgress(command: Command): Command {
  return command.option('--progress', 'note on stderr how far it is, also where that is no terminal');
}

/**
 * Shows how far `work` is while it runs: on a terminal in one line that goes in the end, elsewhere in lines, if they are asked for.
 * @param what is counted: `jobs removed`
 */
export async function showProgress<T>(
  what: string,
  { progress }: ProgressFlags,
  work: (onProgress: (done: number) => void) => Promise<T>,
  stream: NodeJS.WriteStream = process.stderr,
): Promise<T> {
  const inPlace = stream.isTTY && process.env.TERM !== 'dumb';
  if (!inPlace && !progress) return work(() => {});
  let nextMs = performance.now() + (inPlace ? FIRST_MS : LINES_MS);
  let isShown = false;
  const onProgress = (done: number) => {
    const nowMs = performance.now();
    if (nowMs < nextMs) return;
    nextMs = nowMs + (inPlace ? TERMINAL_MS : LINES_MS);
    const text = `${done.toLocaleString('en')} ${what} so far`;
    stream.write(inPlace ? `\r${text}\u001b[K` : `${text}\n`);
    isShown = true;
  };
  try {
    return await work(onProgress);
  } finally {
    if (inPlace && isShown) stream.write('\r\u001b[K');
  }
}

/** What handlers report: `job logs` and `job stream`. */
import type { Command } from 'commander';
import { maskSecrets } from '../jobs/mask.js';
import { maskText } from '../jobs/mask-text.js';
import type { LogLine } from '../queue/activity/read-log.js';
import { cliLogger, type GlobalOptions, integer, openExisting, parseId, withExamples } from './options.js';
import { note, plain, print, printJson, room } from './output.js';
import { shutdownSignal } from './signals.js';

interface LogsOptions extends GlobalOptions {
  follow?: boolean;
  last?: number;
}

export function jobLogsCommand(job: Command): void {
  const command = job
    .command('logs')
    .description('print what the handlers of a job have logged')
    .argument('<id>', 'the id of the job', parseId)
    .option('-f, --follow', 'go on until the job ends, or Ctrl-C')
    .option('--last <n>', 'only so many of the last lines', integer(1, 10_000))
    .action(async (id: string) => {
      const { json, follow, last, ...rest } = command.optsWithGlobals<LogsOptions>();
      await using queue = openExisting(rest, cliLogger('warn'));
      const show = (line: LogLine) => (json ? printJson(shownLine(line)) : print(textOf(line)));
      const log = await queue.logs(id, last === undefined ? {} : { last });
      if (log.dropped > 0) note(`${log.dropped} of ${log.total} lines are not kept any more`);
      for (const line of log.lines) {
        show(line);
        await room();
      }
      if (!follow) return;
      const next = (log.lines.at(-1)?.index ?? -1) + 1;
      await untilInterrupted(
        (signal) => queue.followLogs(id, { signal }),
        async (line) => {
          if (line.index >= next) show(line);
          await room();
        },
      );
    });
  withExamples(
    command,
    'job logs order-42',
    'job logs order-42 --follow',
    'job logs order-42 --json | jq -r .line',
  );
}

export function jobStreamCommand(job: Command): void {
  const command = job
    .command('stream')
    .description('print the parts of the result that a job emits, until it ends, or Ctrl-C')
    .argument('<id>', 'the id of the job', parseId)
    .action(async (id: string) => {
      const { json, ...rest } = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(rest, cliLogger('warn'));
      await untilInterrupted(
        (signal) => queue.stream(id, { signal }),
        async (each) => {
          const chunk = maskSecrets(each.chunk);
          if (json) printJson({ ...each, chunk });
          else print(linesOf(typeof chunk === 'string' ? chunk : JSON.stringify(chunk)));
          await room();
        },
      );
    });
  withExamples(command, 'job stream order-42', 'job stream order-42 --json | jq .chunk');
}

/** Ctrl-C ends what is read, and is no failure. */
async function untilInterrupted<T>(
  read: (signal: AbortSignal) => AsyncIterable<T>,
  onEach: (each: T) => Promise<void>,
): Promise<void> {
  const interrupted = new AbortController();
  void shutdownSignal().then(() => interrupted.abort());
  try {
    for await (const each of read(interrupted.signal)) await onEach(each);
  } catch (error) {
    if (!interrupted.signal.aborted) throw error;
  }
}

/** A part of a text may end in the middle of it; its lines stay lines. */
function linesOf(text: string): string {
  return text.split('\n').map(plain).join('\n');
}

function shownLine(line: LogLine): LogLine {
  return { ...line, line: maskText(line.line) };
}

function textOf(whole: LogLine): string {
  const { at, attempt, line } = shownLine(whole);
  return `${at.slice(11, 23)}  ${attempt}  ${plain(line)}`;
}

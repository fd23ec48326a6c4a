import type { Command } from 'commander';
import { type InspectionRecord, startStatelyInspector, watchMachines } from '../inspect/index.js';
import { defined } from '../jobs/defined.js';
import { clipTo } from '../jobs/excerpt.js';
import { usageError } from './exit-code.js';
import { cliLogger, type GlobalOptions, openExisting, parseId, parsePort, withExamples } from './options.js';
import { hasRoom, note, plain, print, printJson } from './output.js';
import { shutdownSignal } from './signals.js';
import { stepText } from './step-text.js';

interface InspectOptions extends GlobalOptions {
  stately?: boolean;
  port?: number;
  allowOrigin?: string[];
}

export function inspectCommand(program: Command): void {
  const command = program
    .command('inspect')
    .description('print each step of the state machines of jobs and workers as it happens, until Ctrl-C')
    .argument('[id]', 'only this job', parseId)
    .option(
      '--stately',
      'instead, serve the steps over WebSocket to a Stately inspector, on this machine only',
    )
    .option('--port <port>', 'of the WebSocket (default: a free one)', parsePort)
    .option('--allow-origin <origin...>', 'web pages that may connect besides those of this machine')
    .action((id: string | undefined) => inspect(id, command.optsWithGlobals<InspectOptions>()));
  withExamples(
    command,
    'inspect',
    'inspect order-42 --json',
    'inspect --stately --port 8081 --allow-origin https://stately.ai',
  );
}

async function inspect(id: string | undefined, options: InspectOptions): Promise<void> {
  const { stately, port, allowOrigin, json } = options;
  if (!stately && (port !== undefined || allowOrigin)) {
    throw usageError('--port and --allow-origin go with --stately');
  }
  const interrupted = shutdownSignal();
  await using queue = openExisting(options, cliLogger('warn'));
  if (stately) {
    await using inspector = await startStatelyInspector(
      defined({ queue, jobId: id, port, allowedOrigins: allowOrigin }),
    );
    if (json) printJson({ url: inspector.url });
    else print(inspector.url);
    note('a Stately inspector can connect there, for example createWebSocketReceiver; Ctrl-C ends it');
    await interrupted;
    return;
  }
  let missed = 0;
  await using _watch = await watchMachines(queue, defined({ jobId: id }), (record) => {
    if (!hasRoom()) {
      missed++;
      return;
    }
    if (missed > 0) note(`${missed} steps were left out: the reader is too slow`);
    missed = 0;
    if (json) printJson(record);
    else print(stepLine(record));
  });
  await interrupted;
}

function stepLine(record: InspectionRecord): string {
  const { at, jobId, worker, actor } = record;
  const who = clipTo(plain(jobId ?? worker), 32).padEnd(32);
  return `${at.slice(11, 23)}  ${who}  ${plain(actor).padEnd(18)}  ${plain(stepText(record))}`.trimEnd();
}

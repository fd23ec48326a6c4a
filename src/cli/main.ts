import { Command, CommanderError } from 'commander';
import { packageVersion } from '../telemetry/version.js';
import { auditCommand } from './audit.js';
import { completionCommand } from './completion.js';
import { configCommand } from './config.js';
import { deadLettersCommand } from './dead-letters.js';
import { demoCommand } from './demo.js';
import { devCommand } from './dev.js';
import { doctorCommand } from './doctor.js';
import { eventsCommand } from './events.js';
import { ExitCode, reportOf } from './exit-code.js';
import { flowCommand } from './flow.js';
import { healthcheckCommand } from './healthcheck.js';
import { historyCommand } from './history.js';
import { inspectCommand } from './inspect.js';
import { instanceCommand } from './instance.js';
import { instancesCommand } from './instances.js';
import { jobCommand } from './job.js';
import { limitsCommand } from './limits.js';
import { machineCommand } from './machine.js';
import { globalOptions, withExamples } from './options.js';
import { outboxCommand } from './outbox.js';
import { endWhenOutputFails, note, paint } from './output.js';
import { pauseCommands } from './pause.js';
import { providersCommand } from './providers.js';
import { scheduleCommand } from './schedule.js';
import { serverCommand } from './server.js';
import { setupCommand } from './setup.js';
import { standbyCommand } from './standby.js';
import { statsCommand } from './stats.js';
import { topCommand } from './top.js';
import { webhookCommand } from './webhook.js';
import { workerCommand } from './worker.js';

/**
 * The `jetfleet` command.
 *
 * It sets `process.exitCode`: 0 ok, 1 failure, 2 usage, 3 not found, 4 conflict, 69 broker unreachable, 124 timeout. A signal ends it otherwise.
 * @param argv as `process.argv`: the words of the command begin at the third
 */
export async function main(argv: string[]): Promise<void> {
  endWhenOutputFails();
  const program = buildProgram();
  try {
    await program.parseAsync(argv);
  } catch (error) {
    process.exitCode = fail(error, argv.includes('--json'));
  }
}

/** The whole command tree; nothing runs until it parses. */
export function buildProgram(): Command {
  const program = new Command('jetfleet')
    .description('A durable, priority-ordered job queue for GPU instance operations on NATS JetStream.')
    .version(packageVersion(), '-V, --version')
    .configureHelp({ showGlobalOptions: true, sortSubcommands: false })
    // What goes wrong is printed once, by `fail`.
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  for (const option of globalOptions()) program.addOption(option);
  withExamples(
    program,
    'demo',
    'dev',
    `job add send_webhook --data '{"url":"http://127.0.0.1:3000","payload":{"hello":"world"}}'`,
  ).addHelpText(
    'after',
    '\nExit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 conflict, 69 broker unreachable, 124 timeout, 130 interrupted, 143 terminated',
  );
  for (const add of [
    devCommand,
    workerCommand,
    serverCommand,
    jobCommand,
    instanceCommand,
    instancesCommand,
    deadLettersCommand,
    flowCommand,
    scheduleCommand,
    pauseCommands,
    limitsCommand,
    providersCommand,
    historyCommand,
    auditCommand,
    statsCommand,
    topCommand,
    eventsCommand,
    machineCommand,
    inspectCommand,
    webhookCommand,
    setupCommand,
    standbyCommand,
    outboxCommand,
    doctorCommand,
    healthcheckCommand,
    configCommand,
    completionCommand,
    demoCommand,
  ])
    add(program);
  return program;
}

function fail(error: unknown, asJson: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return ExitCode.OK;
  // Help that was shown for want of a command: it has said all there is.
  if (error instanceof CommanderError && error.code === 'commander.help') return ExitCode.USAGE;
  const { exitCode, code, message, problems } = reportOf(error);
  if (asJson) {
    note(JSON.stringify({ error: { code, message, ...(problems && { problems }) } }));
  } else {
    const name = paint('red', 'jetfleet:', process.stderr);
    note(`${name} ${message} ${paint('dim', `(${code})`, process.stderr)}`);
    if (error instanceof CommanderError) note('Try "jetfleet --help", or --help after a command.');
  }
  if (['debug', 'trace'].includes(process.env.LOG_LEVEL ?? '') && error instanceof Error)
    note(error.stack ?? '');
  return exitCode;
}

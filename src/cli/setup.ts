import type { Command } from 'commander';
import { formatDrift, OTHER_NAMESPACE } from '../broker/topology/drift.js';
import { assertAllowed, SINGLE_COPIES } from '../broker/topology/report.js';
import { JobType } from '../jetfleet.js';
import { ExitCode } from './exit-code.js';
import { cliLogger, type GlobalOptions, openQueue, withExamples } from './options.js';
import { note, print, printJson } from './output.js';
import { reachWithin, waitForBrokerOption } from './wait-for-broker.js';

export function setupCommand(program: Command): void {
  const command = program
    .command('setup')
    .description(
      'create the streams and the consumers of the built-in types; what exists is compared, never changed',
    )
    .addOption(waitForBrokerOption())
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions & { waitForBroker: number }>();
      const logger = cliLogger('error');
      await using queue = openQueue(options, logger);
      const setUp = () => queue.setup(Object.values(JobType));
      const report = await reachWithin(setUp, options, logger);
      if (!report) return;
      if (options.json) {
        printJson(report);
      } else {
        for (const target of report.created) print(`created    ${target}`);
        for (const target of report.unchanged) print(`unchanged  ${target}`);
        if (report.drift.length > 0) print(formatDrift(report.drift));
      }
      if (report.singleCopies.length > 0) note(`jetfleet: ${SINGLE_COPIES}`);
      assertAllowed(report);
      if (report.drift.length === 0) return;
      const danger = report.drift.filter(({ severity }) => severity === 'danger').length;
      note(
        `jetfleet: ${report.drift.length} settings differ, ${danger} of them dangerous; "jetfleet doctor --fix" sets ` +
          `what may be set, and ${OTHER_NAMESPACE}`,
      );
      process.exitCode = ExitCode.CONFLICT;
    });
  withExamples(
    command,
    'setup',
    'setup --nats-url nats://broker:4222 --namespace acme',
    'setup --nats-url nats://a:4222,nats://b:4222 --replicas 3',
  );
}

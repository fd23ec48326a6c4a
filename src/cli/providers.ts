import type { Command } from 'commander';
import type { ShownProvider } from '../instances/provider-health.js';
import { type GlobalOptions, openExisting, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';

/** `jetfleet providers`: how the providers of instances fare. */
export function providersCommand(program: Command): void {
  const command = program
    .command('providers')
    .description(
      'providers of instances and their regions that have failed, and whether their offers are used',
    )
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const providers = await queue.providers();
      if (options.json) return printJson(providers);
      if (providers.length === 0) return note('no provider has failed');
      print(table([['PROVIDER', 'REGION', 'STATE', 'FAILURES', 'UNTIL', 'ERROR'], ...providers.map(rowOf)]));
    });
  withExamples(command, 'providers', 'providers --json');
}

const STATE_TEXT = { closed: 'used', open: 'resting', halfOpen: 'tried' } as const;

function rowOf({ provider, region, state, failures, openUntil, error }: ShownProvider): (string | number)[] {
  const until = state === 'open' ? (openUntil ?? '') : '';
  return [plain(provider), plain(region), STATE_TEXT[state], failures, until, plain(error ?? '')];
}

import type { Command } from 'commander';
import { type GlobalOptions, withExamples } from './options.js';
import { note, paint, plain, print, printJson, table } from './output.js';
import { nameOf, type ShownSetting, shownSettings } from './settings.js';

export function configCommand(program: Command): void {
  const config = program.command('config').description('the settings, and where their values come from');
  const command = config
    .command('show')
    .description(
      'show each setting, its value without secrets, and whether a flag, the environment, the URL or a default sets it',
    )
    .option('--set', 'only what a flag, the environment or the URL sets')
    .action(() => {
      const options = command.optsWithGlobals<GlobalOptions & { set?: boolean }>();
      const all = shownSettings(givenFlags(program), process.env);
      const settings = options.set ? all.filter(({ source }) => source !== 'default') : all;
      if (options.json) return printJson({ settings });
      if (settings.length === 0) return note('nothing is set: every setting has its default');
      print(table([['SETTING', 'VALUE', 'FROM'], ...settings.map(rowOf)]));
    });
  withExamples(config, 'config show');
  withExamples(
    command,
    'config show',
    'config show --set',
    'config show --nats-url tls://broker:4222 --json',
  );
}

/** The values of global flags. */
export function givenFlags(program: Command): Map<string, string> {
  const given = program.options.filter(
    (option) => program.getOptionValueSource(option.attributeName()) === 'cli',
  );
  return new Map(
    given.map((option) => [option.long ?? '', String(program.getOptionValue(option.attributeName()))]),
  );
}

function rowOf(setting: ShownSetting): string[] {
  const { variable, value, source, file, hides = [] } = setting;
  const from = [nameOf(source, setting)];
  if (file === 'missing') from.push('no such file');
  if (hides.length > 0) from.push(`hides ${hides.join(' and ')}`);
  const isDefault = source === 'default';
  const cells = [variable, plain(value ?? '-'), plain(from.join('; '))];
  return isDefault ? cells.map((cell) => paint('dim', cell)) : cells;
}

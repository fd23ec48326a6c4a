import type { Command } from 'commander';
import { bashCompletion } from './completion/bash.js';
import { type CommandTable, commandTable } from './completion/command-table.js';
import { fishCompletion } from './completion/fish.js';
import { zshCompletion } from './completion/zsh.js';
import { type GlobalOptions, withExamples } from './options.js';
import { print, printJson } from './output.js';

const SHELLS: Readonly<Record<string, (table: CommandTable) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};
const NAMES = Object.keys(SHELLS);

const SETUP = `
Set up:
  bash  echo 'eval "$(jetfleet completion bash)"' >> ~/.bashrc
  zsh   echo 'source <(jetfleet completion zsh)' >> ~/.zshrc, below compinit
  fish  jetfleet completion fish > ~/.config/fish/completions/jetfleet.fish`;

export function completionCommand(program: Command): void {
  const command = program.command('completion').description('print the completion of a shell');
  command
    .addArgument(command.createArgument('<shell>', 'whose completion it is').choices(NAMES))
    .action((shell: string) => {
      const script = SHELLS[shell]?.(commandTable(program)) ?? '';
      if (command.optsWithGlobals<GlobalOptions>().json) printJson({ shell, script });
      else print(script.trimEnd());
    });
  withExamples(
    command,
    'completion bash',
    'completion fish > ~/.config/fish/completions/jetfleet.fish',
  ).addHelpText('after', SETUP);
}

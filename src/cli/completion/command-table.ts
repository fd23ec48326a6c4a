/** What completions know of the command line: every command, its options, and what their values can be. */
import type { Argument, Command, Option } from 'commander';
import { PRIORITIES, STATUSES } from '../../jobs/vocabulary.js';

/** One of some words, a file, a folder, or any text. */
export type Values = readonly string[] | 'file' | 'folder' | 'text';

export interface Described {
  name: string;
  description: string;
}

export interface TableOption {
  /** `-f` and `--follow`. */
  names: readonly string[];
  description: string;
  /** Undefined for a flag, and where the value may be left out. */
  values?: Values;
  isVariadic: boolean;
}

export interface TableCommand {
  /** The words that call it, without `jetfleet`: empty for the program itself. */
  path: string;
  commands: readonly Described[];
  options: readonly TableOption[];
  /** Whether it takes the options of {@link CommandTable.globals} as well. */
  hasGlobals: boolean;
  args: readonly Values[];
}

export interface CommandTable {
  globals: readonly TableOption[];
  commands: readonly TableCommand[];
}

/** What the placeholder of a value tells of it: `--data-file <file>`. */
const BY_PLACEHOLDER: Readonly<Record<string, Values>> = {
  file: 'file',
  folder: 'folder',
  priority: PRIORITIES,
  status: STATUSES,
};

export function commandTable(program: Command): CommandTable {
  const globals = program.options.filter(({ long }) => long !== '--version');
  return { globals: globals.map(tableOption), commands: commandsBelow(program, [], globals) };
}

function commandsBelow(
  command: Command,
  words: readonly string[],
  globals: readonly Option[],
): TableCommand[] {
  const help = command.createHelp();
  const taken = help.visibleGlobalOptions(command);
  // One that starts a broker of its own takes but a few.
  const hasGlobals = globals.every((option) => taken.includes(option)) || words.length === 0;
  const own = help.visibleOptions(command).filter((option) => !globals.includes(option));
  const more = hasGlobals ? [] : taken.filter((option) => globals.includes(option));
  const entry: TableCommand = {
    path: words.join(' '),
    commands: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
    options: [...own, ...more].map(tableOption),
    hasGlobals,
    args: command.registeredArguments.map(valuesOfArgument),
  };
  const below = command.commands.flatMap((child) => commandsBelow(child, [...words, child.name()], globals));
  return [entry, ...below];
}

function tableOption(option: Option): TableOption {
  const { short, long, description, required, variadic, argChoices, flags } = option;
  const [, placeholder = ''] = /<([^>.]+)(?:\.\.\.)?>/.exec(flags) ?? [];
  return {
    names: [long, short].filter((name) => name !== undefined),
    description,
    ...(required && { values: argChoices ?? BY_PLACEHOLDER[placeholder] ?? 'text' }),
    isVariadic: variadic,
  };
}

function valuesOfArgument(argument: Argument): Values {
  return argument.argChoices ?? BY_PLACEHOLDER[argument.name()] ?? 'text';
}

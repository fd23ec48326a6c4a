import type { Command } from 'commander';
import { buildProgram } from '../../src/cli/main.js';

/** What a call of `jetfleet` has that the command line does not know, or cannot read; nothing is run. */
export function callFaults(words: readonly string[]): string[] {
  const program = buildProgram();
  let command: Command = program;
  const rest = [...words];
  for (let next = find(command, rest[0]); next; next = find(command, rest[0])) {
    command = next;
    rest.shift();
  }
  if (command === program) return [`no command in: ${words.join(' ')}`];
  const options = [...command.options, ...program.options];
  const faults: string[] = [];
  while (rest.length > 0) {
    const word = rest.shift() ?? '';
    const option = options.find(({ long, short }) => long === word || short === word);
    if (!option) {
      faults.push(`${command.name()} has no ${word}`);
      continue;
    }
    if (!option.required) continue;
    const value = rest.shift();
    try {
      if (value === undefined) faults.push(`${word} needs a value`);
      else option.parseArg?.(value, undefined as never);
    } catch (error) {
      faults.push(`${word} ${value}: ${(error as Error).message}`);
    }
  }
  return faults;
}

/** What a call that a page shows names and the command line does not have: a command, or an option. Arguments are not checked. */
export function shownCallFaults(call: string): string[] {
  const program = buildProgram();
  const words = call.replaceAll(/'[^']*'|"[^"]*"/g, '…').split(/\s+/);
  let command: Command = program;
  let next = find(command, words[0]);
  for (; next; next = find(command, words[0])) {
    command = next;
    words.shift();
  }
  const [name = ''] = words;
  if (command.commands.length > 0 && /^[a-z]/.test(name)) return [`no command ${name} in: jetfleet ${call}`];
  const known = [...command.options, ...program.options].map(({ long }) => long);
  const shown = words.flatMap((word) => /^--[a-z][a-z-]*/.exec(word)?.[0] ?? []);
  return shown
    .filter((flag) => flag !== '--help' && !known.includes(flag))
    .map((flag) => `no option ${flag} in: jetfleet ${call}`);
}

function find(command: Command, name: string | undefined): Command | undefined {
  return command.commands.find((each) => each.name() === name);
}

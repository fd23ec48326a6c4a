/** What the completions of all shells are made of: the way of the words to a command, as the cases of a `case` or `switch`. */
import type { CommandTable, TableOption, Values } from './command-table.js';

/** One branch: for any of these words, this. */
export interface Branch {
  patterns: readonly string[];
  /** Whether they fit behind any command. */
  isAnywhere: boolean;
  /** `file`, `folder`, `text` or words with blanks between; a `+` before it where more values may follow. */
  kind: string;
}

/** The words that lead from one command to the next: `job`, `job add`. */
export function paths({ commands }: CommandTable): string[] {
  return commands.map(({ path }) => path).filter((path) => path !== '');
}

/** What stands behind each option that takes a value. */
export function valueBranches({ globals, commands }: CommandTable): Branch[] {
  const own = commands.flatMap(({ path, options }) =>
    options.flatMap((option) => optionKind(option, (name) => `${path} ${name}`)),
  );
  const shared = globals.flatMap((option) => optionKind(option, (name) => ` ${name}`));
  return [...grouped(own, false), ...grouped(shared, true)];
}

/** What stands where a command takes an argument: the branch of `job priority 2` is that of its second one. */
export function argumentBranches({ commands }: CommandTable): Branch[] {
  const args = commands.flatMap(({ path, args }) =>
    args.map((values, index) => ({ pattern: `${path} ${index + 1}`, kind: kindOf(values) })),
  );
  return grouped(
    args.filter(({ kind }) => kind !== 'text'),
    false,
  );
}

interface Found {
  pattern: string;
  kind: string;
}

function optionKind(
  { names, values, isVariadic }: TableOption,
  patternOf: (name: string) => string,
): Found[] {
  if (values === undefined) return [];
  const kind = `${isVariadic ? '+' : ''}${kindOf(values)}`;
  return names.map((name) => ({ pattern: patternOf(name), kind }));
}

function kindOf(values: Values): string {
  return typeof values === 'string' ? values : values.join(' ');
}

function grouped(found: readonly Found[], isAnywhere: boolean): Branch[] {
  const kinds = [...new Set(found.map(({ kind }) => kind))];
  return kinds.map((kind) => ({
    patterns: found.filter((each) => each.kind === kind).map(({ pattern }) => pattern),
    isAnywhere,
    kind,
  }));
}

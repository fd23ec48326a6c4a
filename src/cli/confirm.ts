/** Asks before a command removes something, or repeats much. */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import { JetfleetError } from '../jobs/errors.js';
import { usageError } from './exit-code.js';

export interface ConfirmFlags {
  yes?: boolean;
}

export function withYes(command: Command): Command {
  return command.option('-y, --yes', 'do it without asking');
}

interface Asking {
  /**
   * What to do where there is no terminal to ask at: a command that removes more than it is given by name is refused, and one that removes
   * what is called by its name, or removes nothing, does it.
   */
  unasked: 'refuse' | 'do it';
  /** What counts without changing anything, for the refusal: `--dry-run counts them`. */
  hint?: string;
}

/**
 * Asks on stderr, unless `--yes` is given.
 * @param question such as `Remove 12 jobs?`; made where somebody is asked. Undefined when there is nothing to do
 * @throws JetfleetError `JETFLEET_NOT_CONFIRMED` for any answer but yes; ValidationError of the same code for want of a terminal, or
 *   where the question would not be seen
 */
export async function confirm(
  { yes }: ConfirmFlags,
  question: () => Promise<string | undefined>,
  { unasked, hint }: Asking,
): Promise<void> {
  if (yes) return;
  const more = hint ? `; ${hint}` : '';
  if (!process.stdin.isTTY) {
    if (unasked === 'do it') return;
    throw usageError(`there is no terminal to ask at: add --yes${more}`, 'JETFLEET_NOT_CONFIRMED');
  }
  // A user is there, and would not see the question: `2>errors.log` is no consent.
  if (!process.stderr.isTTY)
    throw usageError(`stderr, where it asks, is no terminal: add --yes${more}`, 'JETFLEET_NOT_CONFIRMED');
  const text = await question();
  if (text === undefined || isYes(await answerTo(`${text} [y/N] `))) return;
  throw new JetfleetError('JETFLEET_NOT_CONFIRMED', 'not confirmed: nothing was changed');
}

/** Node's own reader of lines, which leaves Ctrl-C to the process. The end of the input answers nothing. */
async function answerTo(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: false });
  try {
    const ended = once(lines, 'close').then(() => '');
    return await Promise.race([lines.question(question), ended]);
  } finally {
    lines.close();
  }
}

function isYes(answer: string): boolean {
  return /^y(es)?$/i.test(answer.trim());
}

/** `1 job`, `1,200 jobs` */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count.toLocaleString('en')} ${count === 1 ? one : many}`;
}

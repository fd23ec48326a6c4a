/** What the state machines of a job did: `job steps`. */
import type { Command } from 'commander';
import type { JobStep } from '../wire/told-steps.js';
import { cliLogger, type GlobalOptions, openExisting, parseId, withExamples } from './options.js';
import { note, plain, print, printJson, room } from './output.js';
import { stepText } from './step-text.js';

export function jobStepsCommand(job: Command): void {
  const command = job
    .command('steps')
    .description('print what the state machines of a job did, where its worker has kept it')
    .argument('<id>', 'the id of the job', parseId)
    .action(async (id: string) => {
      const { json, ...rest } = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(rest, cliLogger('warn'));
      const { steps, total, dropped } = await queue.steps(id);
      if (total === 0) note(NONE);
      for (const [place, step] of steps.entries()) {
        const left = step.index - (steps[place - 1]?.index ?? -1) - 1;
        if (left > 0 && !json) note(`${left} steps are not kept`);
        if (json) printJson(step);
        else print(lineOf(step));
        await room();
      }
      if (dropped > 0 && json) note(`${dropped} of ${total} steps are not kept`);
    });
  withExamples(command, 'job steps order-42', 'job steps order-42 --json | jq .changes');
}

const NONE =
  'no steps are kept of this job: workers keep them of attempts that failed in a statechart, and of jobs that somebody watched';

function lineOf(step: JobStep): string {
  const { index, at, attempt, actor, changes = [] } = step;
  const changed = changes.map(({ path }) => path.slice(1).replaceAll('/', '.')).filter(Boolean);
  const what = [stepText(step), changed.length > 0 && `(${changed.join(', ')})`].filter(Boolean).join(' ');
  return `${String(index).padStart(5)}  ${at.slice(11, 23)}  ${attempt}  ${plain(actor).padEnd(18)}  ${plain(what)}`.trimEnd();
}

/** The jobs that came of one another: `job family`. */
import type { Command } from 'commander';
import { familyToSvg } from '../inspect/index.js';
import type { JobFamily } from '../jobs/family.js';
import { shownFamily } from '../jobs/shown-family.js';
import { noSuchJob } from '../queue/job-lookup.js';
import { usageError } from './exit-code.js';
import { type GlobalOptions, openExisting, parseId, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';

export function jobFamilyCommand(job: Command): void {
  const command = job
    .command('family')
    .description(
      'show the jobs that a job came of, and those that came of them; ends with 3 when there is none',
    )
    .argument('<id>', 'the id of the job', parseId)
    .option('--svg', 'as a graph that stands by itself')
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions & { svg?: boolean }>();
      if (options.json && options.svg) throw usageError('--json does not go with --svg, which is no JSON');
      await using queue = openExisting(options);
      const family = await queue.getFamily(id);
      if (!family) throw noSuchJob(id);
      if (options.svg) print(await familyToSvg(family));
      else if (options.json) printJson(shownFamily(family));
      else printFamily(shownFamily(family));
    });
  withExamples(command, 'job family order-42', 'job family order-42 --svg > order-42.svg');
}

function printFamily({ jobs, isCut }: JobFamily): void {
  const rows = jobs.map(({ id, state, type, relation, parentId, error }) => {
    const about = relation === undefined ? '' : `${relation} of ${parentId}`;
    return [id, state, type, about, error?.code ?? ''].map(plain);
  });
  print(table([['ID', 'STATE', 'TYPE', 'RELATION', 'ERROR'], ...rows]));
  if (isCut) note('there are more');
}

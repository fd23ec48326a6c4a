import type { Command } from 'commander';
import type { AuditEntry } from '../jobs/audit.js';
import { defined } from '../jobs/defined.js';
import { type GlobalOptions, integer, openExisting, parseSince, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';

interface AuditFlags extends GlobalOptions {
  by?: string;
  action?: string;
  since?: Date;
  limit: number;
  cursor?: string;
}

/** Who did what over HTTP. */
export function auditCommand(program: Command): void {
  const command = program
    .command('audit')
    .description('who did what over HTTP and on the dashboard, newest first')
    .option('--by <name>', 'only actions of this token')
    .option('--action <action>', 'only actions of this kind: jobs/{id}/cancel')
    .option('--since <time>', 'only actions since; 2h, or an ISO 8601 time', parseSince)
    .option('--limit <n>', 'most actions on a page', integer(1, 1_000), 100)
    .option('--cursor <cursor>', 'go on where the page before ended')
    .action(async () => {
      const options = command.optsWithGlobals<AuditFlags>();
      const { by, action, since, limit, cursor } = options;
      await using queue = openExisting(options);
      const page = await queue.audit.list(defined({ by, action, since, limit, cursor }));
      if (options.json) return printJson(page);
      const heading = ['TIME', 'BY', 'ROLE', 'ACTION', 'WHAT'];
      if (page.entries.length > 0) print(table([heading, ...page.entries.map(rowOf)]));
      else note('nobody has done anything');
      if (page.cursor !== undefined) note(`more: --cursor ${page.cursor}`);
    });
  withExamples(command, 'audit --since 2h', 'audit --by alice --json');
}

function rowOf(entry: AuditEntry): string[] {
  const { at, by, caller, role, action } = entry;
  return [at, caller === undefined ? by : `${caller} (${by})`, role, action, whatOf(entry)].map(plain);
}

function whatOf({ target, asked, jobs, error }: AuditEntry): string {
  const named = Object.values(target ?? {}).join(' ');
  const counted = jobs && `${jobs.done} jobs${jobs.failed > 0 ? `, ${jobs.failed} not` : ''}`;
  const words = asked && JSON.stringify(asked);
  return [named, counted, words, error].filter(Boolean).join('  ');
}

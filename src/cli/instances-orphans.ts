import type { Command } from 'commander';
import type { DeletedOrphan, Orphan, OrphanReport } from '../instances/orphans.js';
import { formatAmount } from '../jobs/amount.js';
import { defined } from '../jobs/defined.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { ExitCode } from './exit-code.js';
import { durationOption, type GlobalOptions, openQueue, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';
import { providersFrom } from './worker.js';

interface OrphanFlags extends GlobalOptions, ConfirmFlags {
  grace?: number;
  delete?: boolean;
}

/** `jetfleet instances orphans`: reports, and deletes with `--delete` alone. */
export function orphansCommand(instances: Command): void {
  const command = instances
    .command('orphans')
    .description(
      'instances with names of Jetfleet that nobody uses, and what they cost; ends with 1 when there are any, or an account does not answer',
    )
    .option('--delete', 'delete those that a record proves to be of this queue')
    .addOption(
      durationOption('--grace <duration>', 'how old an instance must be to be judged (default: 10m)', {
        isTimer: false,
      }),
    )
    .action(() => run(command.optsWithGlobals<OrphanFlags>()));
  withYes(command);
  withExamples(
    command,
    'instances orphans',
    'instances orphans --delete',
    'instances orphans --delete --yes',
  );
}

async function run(options: OrphanFlags): Promise<void> {
  const provider = providersFrom(process.env);
  await using queue = openQueue(options);
  const settings = { provider, ...defined({ graceMs: options.grace }) };
  const report = await queue.instances.orphans(settings);
  const ids = report.orphans
    .filter(({ deletable }) => deletable)
    .map(({ novitaInstanceId }) => novitaInstanceId);
  if (!options.json) show(report);
  if (!options.delete || ids.length === 0) {
    if (options.json) printJson({ ...report, ...(options.delete && { deleted: [] }) });
    else if (ids.length > 0)
      note(`nothing was changed: --delete deletes ${counted(ids.length, 'of them', 'of them')}`);
    if (report.orphans.length + report.unreachable.length > 0) process.exitCode = ExitCode.FAILURE;
    return;
  }
  const rate = report.orphans.reduce((sum, each) => sum + (each.deletable ? (each.pricePerHour ?? 0) : 0), 0);
  const question = async () =>
    `Delete ${counted(ids.length, 'instance')}, which cost ${formatAmount(rate)} an hour, with all that is on them?`;
  await confirm(options, question, { unasked: 'refuse', hint: 'without --delete they are only listed' });
  const deleted = await queue.instances.deleteOrphans({ ...settings, ids });
  if (options.json) printJson({ ...report, deleted });
  else showDeleted(deleted);
  const isLeft = deleted.some(({ jobId }) => jobId === undefined) || ids.length < report.orphans.length;
  if (isLeft || report.unreachable.length > 0) process.exitCode = ExitCode.FAILURE;
}

function show({ orphans, ratePerHour, unreachable }: OrphanReport): void {
  for (const { provider, message } of unreachable)
    note(`${plain(provider)} does not answer: ${plain(message)}`);
  if (orphans.length === 0) {
    note(unreachable.length > 0 ? 'no orphans at the accounts that answer' : 'no orphans');
    return;
  }
  print(
    table([['INSTANCE', 'STATUS', 'SINCE', 'AN HOUR', 'COST', 'DELETABLE', 'WHY'], ...orphans.map(rowOf)]),
  );
  print(`${counted(orphans.length, 'orphan')}, ${formatAmount(ratePerHour)} an hour`);
}

function rowOf({ novitaInstanceId, status, since, pricePerHour, cost, deletable, why }: Orphan): string[] {
  const amount = (value: number | null) => (value === null ? 'unknown' : formatAmount(value));
  const texts = [novitaInstanceId, status, since].map(plain);
  return [...texts, amount(pricePerHour), amount(cost), deletable ? 'yes' : 'no', plain(why)];
}

function showDeleted(deleted: readonly DeletedOrphan[]): void {
  for (const { novitaInstanceId, jobId, error = '' } of deleted) {
    const what = jobId === undefined ? `is not deleted: ${error}` : `job ${jobId} deletes it`;
    print(`${plain(novitaInstanceId)}  ${plain(what)}`);
  }
  const done = deleted.filter(({ jobId }) => jobId !== undefined).length;
  note(
    `${done} of ${counted(deleted.length, 'instance')} are being deleted; "jetfleet job get <job>" shows the end`,
  );
}

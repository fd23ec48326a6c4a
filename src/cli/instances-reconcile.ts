import type { Command } from 'commander';
import type { Difference, Reconciliation } from '../instances/reconcile.js';
import { formatAmount } from '../jobs/amount.js';
import { defined } from '../jobs/defined.js';
import { counted } from './confirm.js';
import { ExitCode } from './exit-code.js';
import { durationOption, type GlobalOptions, openQueue, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';
import { providersFrom } from './worker.js';

interface ReconcileFlags extends GlobalOptions {
  fix?: boolean;
  ownOnly?: boolean;
  settle?: number;
}

/** `jetfleet instances reconcile`: the ledger against the list of each account. */
export function reconcileCommand(instances: Command): void {
  const command = instances
    .command('reconcile')
    .description('compare the ledger with the lists of the providers; ends with 1 when they differ')
    .option('--fix', 'write into the ledger what is proven; nothing changes at the providers')
    .option('--own-only', 'leave out instances that no record of this queue knows')
    .addOption(
      durationOption(
        '--settle <duration>',
        'how long an instance must not be known before it is gone (default: 10s)',
      ),
    )
    .action(async () => {
      const options = command.optsWithGlobals<ReconcileFlags>();
      const { fix, ownOnly, settle: settleMs } = options;
      const provider = providersFrom(process.env);
      await using queue = openQueue(options);
      const result = await queue.instances.reconcile({ provider, ...defined({ fix, ownOnly, settleMs }) });
      if (options.json) printJson(result);
      else show(result);
      if (!result.agrees) process.exitCode = ExitCode.FAILURE;
    });
  withExamples(command, 'instances reconcile', 'instances reconcile --fix --json');
}

function show({ agrees, accounts, differences, unchecked }: Reconciliation): void {
  print(table([['PROVIDER', 'ACCOUNT', 'LISTED', 'IN THE LEDGER', 'ANSWER'], ...accounts.map(accountRow)]));
  if (differences.length > 0) {
    const heading = ['INSTANCE', 'JOB', 'DIFFERENCE', 'LEDGER', 'PROVIDER', 'FIXED'];
    print(`\n${table([heading, ...differences.map(differenceRow)])}`);
  }
  if (unchecked > 0)
    note(`${counted(unchecked, 'open entry', 'open entries')} of other accounts were not compared`);
  const left = differences.filter(({ fixed }) => !fixed).length;
  if (agrees) note(differences.length > 0 ? 'they agree now' : 'they agree');
  else if (left > 0) note(`${counted(left, 'difference')} left`);
}

function accountRow({ provider, account, listed, open, error }: Reconciliation['accounts'][number]) {
  return [plain(provider), plain(account), listed, open, error === undefined ? 'ok' : plain(error)];
}

function differenceRow({
  kind,
  novitaInstanceId,
  jobId = '',
  ledger,
  shown,
  fixed,
  why,
}: Difference): string[] {
  const text = (value: string | number | null) =>
    value === null ? '' : kind === 'price' ? formatAmount(Number(value)) : plain(String(value));
  const outcome = fixed ? 'yes' : why === undefined ? 'no' : `no: ${plain(why)}`;
  return [plain(novitaInstanceId), plain(jobId), kind, text(ledger), text(shown), outcome];
}

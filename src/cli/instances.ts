import { type Command, Option } from 'commander';
import { type InstanceCost, shownCost } from '../instances/instance-costs.js';
import { formatAmount } from '../jobs/amount.js';
import { defined } from '../jobs/defined.js';
import { LEDGER_STATUSES, type LedgerFilter, type ShownStatus, type SpentQuery } from '../money/ledger.js';
import type { LedgerSums } from '../money/sums.js';
import { orphansCommand } from './instances-orphans.js';
import { reconcileCommand } from './instances-reconcile.js';
import { type GlobalOptions, integer, openExisting, parseId, parseSince, withExamples } from './options.js';
import { note, paint, plain, print, printJson, table } from './output.js';

/** `jetfleet instances`: what was rented, and what it costs. */
export function instancesCommand(program: Command): void {
  const instances = program
    .command('instances')
    .description('what was rented and what it costs; orphans; the ledger against the providers');
  withExamples(
    instances,
    'instances list --status running',
    'instances cost order-42',
    'instances orphans',
    'instances reconcile --fix',
  );
  listCommand(instances);
  costCommand(instances);
  spentCommand(instances);
  orphansCommand(instances);
  reconcileCommand(instances);
}

interface Which extends GlobalOptions {
  account?: string;
  provider?: string;
  tag?: string;
  since?: Date;
}

function withWhich(command: Command, since: string): Command {
  return command
    .option('--account <account>', 'only this account of a provider')
    .option('--provider <name>', 'only this provider')
    .option('--tag <tag>', 'only those whose job has this tag')
    .option('--since <time>', since, parseSince);
}

function listCommand(instances: Command): void {
  const command = withWhich(
    instances.command('list').description('what was rented, what is still there first'),
    'only those that were there since; 2h, or an ISO 8601 time',
  )
    .addOption(new Option('--status <status>', 'open is running and stopped').choices([...LEDGER_STATUSES]))
    .option('--limit <n>', 'most instances on a page', integer(1, 1_000), 100)
    .option('--cursor <cursor>', 'go on where the page before ended; with the same filter')
    .action(async () => {
      const options = command.optsWithGlobals<
        Which & { status?: ShownStatus; limit: number; cursor?: string }
      >();
      const { account, provider, tag, since, status, limit, cursor } = options;
      const filter: LedgerFilter = defined({ account, provider, tag, since, status, limit, cursor });
      await using queue = openExisting(options);
      const page = await queue.instances.ledger.list(filter);
      const now = queue.now();
      const shown = page.entries.map((entry) => shownCost(entry, now));
      if (options.json) return printJson({ instances: shown, ...defined({ cursor: page.cursor }) });
      if (shown.length > 0) printInstances(shown);
      else note('no instances');
      if (page.cursor !== undefined) note(`more: --cursor ${page.cursor}`);
    });
  withExamples(
    command,
    'instances list --status running',
    'instances list --tag team:red --since 2026-11-01T00:00:00Z --json',
  );
}

function costCommand(instances: Command): void {
  const command = instances
    .command('cost')
    .description('what a job has cost so far: its instance, all offers that it tried, or all jobs of a flow')
    .argument('<job>', 'the id of the job', parseId)
    .action(async (job: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const cost = await queue.instances.cost(job);
      if (options.json) return printJson(cost);
      if (cost.instances.length > 0) printInstances(cost.instances);
      print(`${formatAmount(cost.cost)} so far, ${formatAmount(cost.ratePerHour)} an hour now`);
      if (cost.isUnpriced) note('the price of a part of it is not known');
    });
  withExamples(command, 'instances cost order-42', 'instances cost order-42 --json | jq .cost');
}

function spentCommand(instances: Command): void {
  const command = withWhich(
    instances.command('spent').description('what was spent, by account, tag and UTC day'),
    'from then on; 2h, or an ISO 8601 time (default: the first of this month, UTC)',
  )
    .option('--until <time>', 'until then; 2h, or an ISO 8601 time (default: now)', parseSince)
    .action(async () => {
      const options = command.optsWithGlobals<Which & { until?: Date }>();
      const { account, provider, tag, since, until } = options;
      const query: SpentQuery = defined({ account, provider, tag, since, until });
      await using queue = openExisting(options);
      const sums = await queue.instances.ledger.spent(query);
      if (options.json) printJson(sums);
      else printSums(sums);
    });
  withExamples(command, 'instances spent', 'instances spent --tag team:red --since 24h');
}

function printSums({
  since,
  until,
  total,
  ratePerHour,
  instances,
  running,
  unpriced,
  ...by
}: LedgerSums): void {
  print(`${formatAmount(total)} from ${since} to ${until}, ${formatAmount(ratePerHour)} an hour now`);
  print(`${instances} instances, ${running} of them running`);
  const accounts = by.byAccount.map(({ provider, account, ...sum }) => [
    plain(`${provider} ${account}`),
    ...sumRow(sum),
  ]);
  const tags = by.byTag.map(({ tag, ...sum }) => [plain(tag), ...sumRow(sum)]);
  const days = by.byDay.map(({ day, amount }) => [day, formatAmount(amount)]);
  const heading = ['SPENT', 'AN HOUR', 'INSTANCES'];
  if (accounts.length > 0) print(`\n${table([['ACCOUNT', ...heading], ...accounts])}`);
  if (tags.length > 0) print(`\n${table([['TAG', ...heading], ...tags])}`);
  if (days.length > 0) print(`\n${table([['DAY', 'SPENT'], ...days])}`);
  if (unpriced > 0) note(`the price of ${unpriced} of them is not known for a part of their time`);
}

interface Sum {
  amount: number;
  ratePerHour: number;
  instances: number;
}

function sumRow({ amount, ratePerHour, instances }: Sum): (string | number)[] {
  return [formatAmount(amount), formatAmount(ratePerHour), instances];
}

const STATUS_STYLE = { running: 'green', stopped: 'yellow', ended: 'dim' } as const;

function printInstances(instances: readonly InstanceCost[]): void {
  const heading = ['INSTANCE', 'JOB', 'STATUS', 'PROVIDER', 'REGION', 'RENTED', 'ENDED', 'AN HOUR', 'COST'];
  print(table([heading, ...instances.map(rowOf)]));
}

function rowOf(instance: InstanceCost): string[] {
  const { novitaInstanceId, jobId = '', status, provider, region = '', rentedAt, endedAt, end } = instance;
  const { ratePerHour, cost, isUnpriced } = instance;
  return [
    plain(novitaInstanceId),
    plain(jobId),
    paint(STATUS_STYLE[status], status),
    plain(provider),
    plain(region),
    rentedAt,
    endedAt === undefined ? '' : `${endedAt} ${end ?? ''}`,
    formatAmount(ratePerHour),
    `${isUnpriced ? 'at least ' : ''}${formatAmount(cost)}`,
  ];
}

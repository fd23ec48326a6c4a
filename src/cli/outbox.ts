import { type Command, InvalidArgumentError } from 'commander';
import { defined } from '../jobs/defined.js';
import type { OutboxStatus } from '../outbox/index.js';
// The rest is loaded where it is used, so that other commands do not wait for it.
import { DEFAULT_TABLE } from '../outbox/table.js';
import { usageError } from './exit-code.js';
import {
  cliLogger,
  durationOption,
  type GlobalOptions,
  integer,
  openQueue,
  shutdownTimeoutOption,
  withExamples,
} from './options.js';
import { paint, plain, print, printJson, table } from './output.js';
import { shutdownSignal } from './signals.js';

interface OutboxFlags extends GlobalOptions {
  databaseUrl?: string;
  table: string;
}

interface RelayFlags extends OutboxFlags {
  batchSize: number;
  fallback: number;
  shutdownTimeout: number;
}

const ENVIRONMENT = `
Environment:
  DATABASE_URL   postgres://user:password@host:5432/database; without it PGHOST and its like
  LOG_LEVEL      trace, debug, info (default), warn, error, silent`;

/** `jetfleet outbox`: jobs out of a transaction of PostgreSQL. */
export function outboxCommand(program: Command): void {
  const outbox = program
    .command('outbox')
    .description(
      'jobs that are inserted in a transaction of PostgreSQL: publish them, and look after their table',
    );
  withExamples(outbox, 'outbox setup', 'outbox relay');
  setup(outbox);
  relay(outbox);
  status(outbox);
  retry(outbox);
}

function setup(outbox: Command): void {
  const command = withDatabase(outbox.command('setup').description('create the table, where it is missing'))
    .option('--no-notify', 'without the trigger that tells relays of an insert')
    .option('--print', 'print the SQL, for a tool that keeps migrations, and run nothing')
    .action(async () => {
      const options = command.optsWithGlobals<OutboxFlags & { notify: boolean; print?: boolean }>();
      const { outboxSql, setupOutbox } = await import('../outbox/index.js');
      const { table: name, notify } = options;
      const sql = outboxSql({ table: name, notify });
      if (options.print) return print(sql.trimEnd());
      await setupOutbox({ ...addressOf(options), notify });
      if (options.json) printJson({ table: name, notify });
      else print(`the outbox ${name} is ready`);
    });
  withExamples(command, 'outbox setup', 'outbox setup --table app.jobs_out --print > migration.sql');
}

function relay(outbox: Command): void {
  const command = withDatabase(
    outbox.command('relay').description('publish rows as jobs until SIGTERM or Ctrl-C; logs JSON on stderr'),
  )
    .option('--batch-size <n>', 'rows that are published together', integer(1, 5_000), 1_000)
    .addOption(
      durationOption('--fallback <duration>', 'look at least so often, also without a notice of an insert', {
        byDefault: '5s',
        minMs: 100,
      }),
    )
    .addOption(shutdownTimeoutOption())
    .action(() => runRelay(command.optsWithGlobals<RelayFlags>()));
  withExamples(
    command,
    'outbox relay',
    'outbox relay --nats-url nats://broker:4222 --fallback 1s',
  ).addHelpText('after', ENVIRONMENT);
}

async function runRelay(options: RelayFlags): Promise<void> {
  const logger = cliLogger('info');
  const { OutboxRelay } = await import('../outbox/index.js');
  const { batchSize, fallback: fallbackMs } = options;
  const stopping = shutdownSignal(() => logger.warn('second signal; ending at once'));
  await using queue = openQueue(options, logger);
  const running = new OutboxRelay(queue, { ...addressOf(options), batchSize, fallbackMs, logger });
  await running.start();
  logger.info({ table: options.table }, 'the relay publishes');
  logger.info({ signal: await stopping }, 'stopping; a second signal ends at once');
  await running.stop(options.shutdownTimeout);
  const { lastError: _, ...counts } = running.stats;
  logger.info(counts, 'the relay has ended');
}

function status(outbox: Command): void {
  const command = withDatabase(
    outbox.command('status').description('count rows that wait, and show those that were set aside'),
  ).action(async () => {
    const options = command.optsWithGlobals<OutboxFlags>();
    const { readOutbox } = await import('../outbox/index.js');
    const found = await readOutbox(addressOf(options));
    if (options.json) printJson(found);
    else print(statusText(found));
  });
  withExamples(command, 'outbox status', 'outbox status --json | jq .setAside');
}

function statusText({ waiting, oldestMs, setAside, setAsideRows, relays, notifies }: OutboxStatus): string {
  const age = oldestMs === null ? '' : `, the oldest for ${(oldestMs / 1000).toFixed(1)} s`;
  const parts = [
    `waiting    ${waiting}${age}`,
    `relays     ${relays}${notifies ? '' : ', which look by their timer: inserts do not notify'}`,
    `set aside  ${setAside}`,
  ];
  if (relays === 0 && waiting > 0)
    parts.push(paint('yellow', 'No relay runs: start "jetfleet outbox relay".'));
  if (setAsideRows.length === 0) return parts.join('\n');
  const rows = setAsideRows.map(({ seq, id, type, failedAt, code, error }) => [
    seq,
    plain(id),
    plain(type),
    failedAt,
    plain(code),
    plain(error),
  ]);
  return `${parts.join('\n')}\n\n${table([['SEQ', 'ID', 'TYPE', 'FAILED AT', 'CODE', 'ERROR'], ...rows])}`;
}

function retry(outbox: Command): void {
  const command = withDatabase(
    outbox
      .command('retry')
      .description('publish rows after all that were set aside, once they are corrected'),
  )
    .argument('[seq...]', 'which of them', parseSeq)
    .option('--all', 'all of them')
    .action(async (seqs: string[]) => {
      const options = command.optsWithGlobals<OutboxFlags & { all?: boolean }>();
      if (seqs.length > 0 === (options.all === true))
        throw usageError('name rows by their seq, or give --all');
      const { retryOutboxRows } = await import('../outbox/index.js');
      const count = await retryOutboxRows(options.all ? 'all' : seqs, addressOf(options));
      if (options.json) printJson({ retried: count });
      else print(`${count} rows are published again`);
    });
  withExamples(command, 'outbox retry 17 21', 'outbox retry --all');
}

function parseSeq(text: string, before: string[] = []): string[] {
  if (/^\d{1,18}$/.test(text)) return [...before, text];
  throw new InvalidArgumentError('It must be the seq of a row, as "outbox status" shows it.');
}

function withDatabase(command: Command): Command {
  return command
    .option(
      '--database-url <url>',
      'the database; other users of the machine see flags, not variables (env: DATABASE_URL)',
    )
    .option('--table <name>', 'table or schema.table', DEFAULT_TABLE);
}

function addressOf({ databaseUrl, table: name }: OutboxFlags): { databaseUrl?: string; table: string } {
  return { table: name, ...defined({ databaseUrl }) };
}

import type { Command } from 'commander';
import { defined } from '../jobs/defined.js';
import type { JobStatus } from '../jobs/vocabulary.js';
import {
  getDelivery,
  listDeliveries,
  replayDeliveries,
  type WebhookAnswer,
  type WebhookDelivery,
} from '../webhooks/deliveries.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { usageError } from './exit-code.js';
import {
  type GlobalOptions,
  integer,
  openExisting,
  parseId,
  parseSince,
  parseStatus,
  withExamples,
} from './options.js';
import { note, paintStatus, plain, print, printJson, table, WHOLE } from './output.js';
import { type ProgressFlags, showProgress, withProgress } from './progress.js';

interface FilterFlags extends GlobalOptions {
  endpoint?: string;
  event?: string;
  answer?: string;
  since?: Date;
  until?: Date;
}

/** `jetfleet webhook list`, `get` and `replay`: what was sent, what was answered, and once more. */
export function webhookDeliveryCommands(webhook: Command): void {
  listCommand(webhook);
  getCommand(webhook);
  replayCommand(webhook);
}

function withFilter(command: Command): Command {
  return command
    .option('--endpoint <id>', 'only those to this endpoint')
    .option('--event <type>', 'only those of this event, such as job.failed')
    .option('--answer <answer>', 'only those answered so last: 503, or dns, refused, timeout, tls, reset')
    .option('--since <time>', 'only those since; 2h, or an ISO 8601 time', parseSince)
    .option('--until <time>', 'only those until; 2h, or an ISO 8601 time', parseSince);
}

function listCommand(webhook: Command): void {
  const command = withFilter(
    webhook.command('list').description('webhooks, the newest first, and what was answered'),
  )
    .option('--status <status>', 'pending, processing, completed or failed', parseStatus)
    .option('--limit <n>', 'most webhooks on a page', integer(1, 1_000), 100)
    .option('--cursor <cursor>', 'go on where the page before ended; with the same filter')
    .action(async () => {
      const options = command.optsWithGlobals<
        FilterFlags & { status?: JobStatus; limit: number; cursor?: string }
      >();
      const { endpoint, event, since, until, status, answer, limit, cursor } = options;
      await using queue = openExisting(options);
      const page = await listDeliveries(
        queue,
        defined({ endpoint, event, since, until, status, answer, limit, cursor }),
      );
      if (options.json) return printJson(page);
      if (page.deliveries.length === 0) note('no webhooks');
      else
        print(
          table([
            ['ID', 'EVENT', 'TO', 'STATUS', 'ANSWER', 'ATTEMPT', 'CHANGED'],
            ...page.deliveries.map(rowOf),
          ]),
        );
      if (page.cursor) note(`more: --cursor ${page.cursor}`);
    });
  withExamples(
    command,
    'webhook list --endpoint billing --status failed',
    'webhook list --answer timeout --since 2h',
  );
}

function rowOf(delivery: WebhookDelivery): string[] {
  const { id, event, endpoint, url, status, state, parked, response, attempt, maxAttempts, updatedAt } =
    delivery;
  return [
    plain(id),
    plain(event ?? '-'),
    plain(endpoint ?? url ?? '-'),
    paintStatus(status, parked === undefined ? state : `${state} (${parked})`),
    plain(answerText(response)),
    `${attempt}/${maxAttempts}`,
    plain(updatedAt),
  ];
}

function answerText(answer: WebhookAnswer | undefined): string {
  return answer?.status === undefined ? (answer?.error ?? '-') : String(answer.status);
}

function getCommand(webhook: Command): void {
  const command = webhook
    .command('get')
    .description('one webhook, with every attempt; ends with 3 when there is none')
    .argument('<id>', 'the id of its job', parseId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const delivery = await getDelivery(queue, id);
      if (options.json) return printJson(delivery);
      print(table([rowOf(delivery)], WHOLE));
      for (const { attempt, at, durationMs, response, error, excerpt } of delivery.attempts) {
        const took = durationMs === undefined ? '' : ` in ${durationMs} ms`;
        print(
          plain(
            `attempt ${attempt}  ${at}  ${answerText(response)}${took}  ${error?.message ?? ''}`.trimEnd(),
          ),
        );
        for (const [name, value] of Object.entries(response?.headers ?? {}))
          print(plain(`  ${name}: ${value}`));
        if (excerpt !== undefined) print(plain(`  ${excerpt}`));
      }
    });
  withExamples(command, 'webhook get order-42-webhook-failed');
}

interface ReplayFlags extends FilterFlags, ConfirmFlags, ProgressFlags {
  all?: boolean;
  dryRun?: boolean;
}

function replayCommand(webhook: Command): void {
  const command = withFilter(
    webhook
      .command('replay [id]')
      .description('send one webhook once more, or with a filter all that failed for good, oldest first'),
  )
    .option('--all', 'without a filter: all that failed for good')
    .option('--dry-run', 'only count them')
    .action(async (id: string | undefined) => {
      const options = command.optsWithGlobals<ReplayFlags>();
      const { endpoint, event, answer, since, until, all, dryRun } = options;
      const filter = defined({ endpoint, event, answer, since, until });
      const isNarrow = Object.keys(filter).length > 0;
      if (id !== undefined && (isNarrow || all || dryRun))
        throw usageError('the id of one webhook does not go with a filter, --all or --dry-run');
      if (id === undefined && !isNarrow && !all)
        throw usageError('say which webhooks to send once more, or --all');
      await using queue = openExisting(options);
      if (id !== undefined) {
        const job = await queue.redeliver(parseId(id));
        if (options.json) printJson({ id: job });
        else print(`${job} delivers it`);
        return;
      }
      const replay = (isCount: boolean) =>
        showProgress('webhooks sent once more', options, (onProgress) =>
          replayDeliveries(queue, filter, { dryRun: isCount, onProgress }),
        );
      const question = async () => {
        const { count } = await replay(true);
        return count === 0 ? undefined : `Send ${counted(count, 'webhook')} once more?`;
      };
      if (!dryRun) await confirm(options, question, { unasked: 'do it' });
      const { count, ids } = await replay(dryRun === true);
      if (options.json) return printJson({ count, ids });
      print(
        dryRun
          ? `${count} webhooks failed for good`
          : `${ids.length} of ${count} webhooks are sent once more`,
      );
    });
  withProgress(withYes(command));
  withExamples(
    command,
    'webhook replay order-42-webhook-failed',
    'webhook replay --endpoint billing --since 2h --dry-run',
  );
}

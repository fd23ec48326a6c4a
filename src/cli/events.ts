import type { Command } from 'commander';
import { clipTo } from '../jobs/excerpt.js';
import type { EventConsumerLag } from '../queue/stats/event-lag.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { type GlobalOptions, openExisting, withExamples } from './options.js';
import { note, paint, plain, print, printJson, table } from './output.js';

export function eventsCommand(program: Command): void {
  const events = program.command('events').description('the durable consumers of events');
  withExamples(events, 'events list', 'events delete billing');
  const list = events
    .command('list', { isDefault: true })
    .description('show them: their lag, and their dead letters')
    .action(async () => {
      const options = list.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options);
      const consumers = await queue.eventConsumers();
      if (options.json) printJson({ consumers });
      else if (consumers.length === 0) note('no durable consumer reads events');
      else print(eventsText(consumers));
    });
  withExamples(list, 'events list', 'events list --json | jq ".consumers[] | {name, pending, deadLetters}"');
  const remove = events
    .command('delete')
    .description(
      'delete one: its position in the events, and its dead letters; ends with 4 while a process listens',
    )
    .argument('<name>', 'its durable name')
    .option('--force', 'also while a process listens; its subscription ends')
    .action(async (name: string) => {
      const options = remove.optsWithGlobals<GlobalOptions & ConfirmFlags & { force?: boolean }>();
      await using queue = openExisting(options);
      const question = async () => removal((await queue.eventConsumers()).find((each) => each.name === name));
      await confirm(options, question, { unasked: 'do it' });
      await queue.deleteEventConsumer(name, { force: options.force === true });
      if (options.json) printJson({ deleted: name });
      else print(`${name}  deleted`);
    });
  withYes(remove);
  withExamples(remove, 'events delete billing', 'events delete billing --force');
}

/** One that is not there is refused as such. */
function removal(consumer: EventConsumerLag | undefined): string | undefined {
  if (consumer === undefined) return undefined;
  const { name, pending, deadLetters } = consumer;
  const lost = `${counted(pending, 'event')} that it has not read, and ${counted(deadLetters, 'dead letter')}`;
  return `Delete the consumer ${plain(name)}, which gives up ${lost}?`;
}

export function eventsText(consumers: readonly EventConsumerLag[]): string {
  const rows = consumers.map((each) => [
    plain(each.name),
    each.pending,
    each.ackPending,
    each.redelivered,
    each.deadLetters,
    each.ackedSeq,
    each.waiting > 0 ? 'yes' : 'no',
  ]);
  const heading = ['CONSUMER', 'PENDING', 'UNACKED', 'REDELIVERED', 'DEAD', 'ACKED SEQ', 'LISTENING'];
  const letters = consumers.flatMap(({ name, latestDeadLetters }) =>
    latestDeadLetters.map(({ seq, jobId, at, deliveries, error }) => [
      plain(name),
      seq,
      plain(jobId),
      plain(at),
      deliveries,
      clipTo(plain(error), 80),
    ]),
  );
  const parts = [table([heading, ...rows])];
  if (letters.length > 0) {
    parts.push(
      paint('yellow', 'Dead letters: their handler failed each time, and they are not delivered again.'),
    );
    parts.push(table([['CONSUMER', 'SEQ', 'JOB', 'AT', 'DELIVERIES', 'ERROR'], ...letters]));
  }
  return parts.join('\n\n');
}

import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import { promoteStandby, Standby, type StandbySync } from '../upkeep/standby.js';
import { type ConfirmFlags, confirm, counted, withYes } from './confirm.js';
import { usageError } from './exit-code.js';
import {
  cliLogger,
  durationOption,
  type GlobalOptions,
  openExisting,
  openQueue,
  withExamples,
} from './options.js';
import { print, printJson } from './output.js';
import { shutdownSignal } from './signals.js';

interface SyncOptions extends GlobalOptions {
  origin: string;
  domain: string;
  once?: boolean;
  interval: number;
}

export function standbyCommand(program: Command): void {
  const standby = program
    .command('standby')
    .description(
      'a copy of the queue at another site, which takes its place when that site is lost; see docs/guides/clusters.md',
    );
  syncCommand(standby);
  promoteCommand(standby);
  withExamples(standby, 'standby sync --origin nats://site-a:4222 --domain site-a', 'standby promote');
}

function syncCommand(standby: Command): void {
  const command = standby
    .command('sync')
    .description('run at the standby until SIGTERM: mirrors the streams of the origin, and copies its timers')
    .requiredOption('--origin <url>', 'the NATS server of the origin')
    .requiredOption(
      '--domain <name>',
      'the domain of JetStream at the origin, which the standby reaches by a leaf node',
    )
    .option('--once', 'once, and end')
    .addOption(
      durationOption(
        '--interval <duration>',
        'between two rounds: timers set since the last one are lost with the origin',
        {
          byDefault: '10s',
        },
      ),
    )
    .action(() => sync(command.optsWithGlobals<SyncOptions>()));
  withExamples(
    command,
    'standby sync --origin nats://site-a:4222 --domain site-a',
    'standby sync --origin nats://site-a:4222 --domain site-a --once --json',
  );
}

async function sync(options: SyncOptions): Promise<void> {
  if (!/^[A-Za-z0-9_-]+$/.test(options.domain))
    throw usageError(`--domain ${JSON.stringify(options.domain)} must be of A-Z a-z 0-9 _ -`);
  const logger = cliLogger('info');
  const stopping = options.once ? Promise.resolve() : shutdownSignal();
  let isStopped = false;
  void stopping.then(() => {
    isStopped = true;
  });
  await using queue = openExisting(options, logger);
  await using originQueue = openQueue({ ...options, natsUrl: options.origin }, logger, {
    createStreams: false,
  });
  const standby = new Standby({
    broker: await queue.brokerAsItIs(),
    origin: await originQueue.broker(),
    domain: options.domain,
  });
  for (let isFirst = true; isFirst || !isStopped; isFirst = false) {
    try {
      show(await standby.sync(), options);
    } catch (err) {
      if (isFirst) throw err;
      logger.warn({ err }, 'a round failed; the next one comes');
    }
    await Promise.race([delay(options.interval, undefined, { ref: false }), stopping]);
  }
}

function show(round: StandbySync, options: SyncOptions): void {
  if (options.json) {
    printJson(round);
    return;
  }
  const unheard = round.mirrors.filter(({ silentMs }) => silentMs === undefined).length;
  const lag = round.mirrors.reduce((sum, mirror) => sum + mirror.lag, 0);
  print(
    `${counted(round.timers, 'timer')}, ${round.copied} copied, ${round.removed} removed; ` +
      `${counted(round.mirrors.length, 'mirror')}, ${counted(lag, 'message')} behind${unheard > 0 ? `, ${unheard} without an answer of the origin` : ''}`,
  );
}

function promoteCommand(standby: Command): void {
  const command = standby
    .command('promote')
    .description(
      'make the standby the queue; the origin must be stopped for good, or both would run the same jobs',
    )
    .option('--force', 'also while the origin still answers')
    .action(async () => {
      const options = command.optsWithGlobals<GlobalOptions & ConfirmFlags & { force?: boolean }>();
      await using queue = openExisting(options);
      const broker = await queue.brokerAsItIs();
      const question = async () => {
        const states = await broker.topology.standby(broker.connection).states();
        const behind = states
          .filter(({ lag, silentMs }) => lag > 0 || silentMs === undefined)
          .map(({ stream, lag, silentMs }) =>
            silentMs === undefined
              ? `  ${stream}: has not heard of the origin`
              : `  ${stream}: ${lag} behind`,
          );
        return [...behind, 'Is the origin stopped for good, and is this standby to take its place?'].join(
          '\n',
        );
      };
      await confirm(options, question, { unasked: 'refuse' });
      const timers = await promoteStandby(broker, options.force);
      if (options.json) printJson({ timers });
      else print(`promoted; ${counted(timers, 'timer')} set. Start the workers here`);
    });
  withYes(command);
  withExamples(command, 'standby promote', 'standby promote --yes');
}

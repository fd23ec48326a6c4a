import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { FleetMachine } from '../inspect/fleet-states.js';
import { type FleetPicture, watchFleet } from '../inspect/index.js';
import { durationOption, type GlobalOptions, openExisting, withExamples } from './options.js';
import { note, plain, print, printJson, table } from './output.js';

interface StatesOptions extends GlobalOptions {
  for: number;
}

/** Where the machines of the fleet stand. */
export function statesCommand(machine: Command): void {
  const command = machine
    .command('states [id]')
    .description('how many machines stand in each state, and how long they stayed there while it watched')
    .addOption(durationOption('--for <duration>', 'how long to watch', { byDefault: '3s', minMs: 1_000 }))
    .action(async (id: string | undefined) => {
      const options = command.optsWithGlobals<StatesOptions>();
      await using queue = openExisting(options);
      let last: FleetPicture | undefined;
      let onFirst = () => {};
      const first = new Promise<void>((resolve) => {
        onFirst = resolve;
      });
      await using _ = await watchFleet(queue, { everyMs: 500 }, (picture) => {
        last = picture;
        onFirst();
      });
      await Promise.all([delay(options.for), first]);
      const machines = (last?.machines ?? []).filter((each) => id === undefined || each.id === id);
      if (options.json) return printJson({ machines: machines.map(({ moved: _moved, ...rest }) => rest) });
      if (machines.length === 0) return note(id === undefined ? 'no machine runs' : `no machine ${id} runs`);
      print(table([['MACHINE', 'STATE', 'COUNT', 'LEFT', 'P50 MS', 'P95 MS'], ...machines.flatMap(rowsOf)]));
    });
  withExamples(command, 'machine states', 'machine states printed --for 1m --json');
}

function rowsOf({ id, counts, times }: FleetMachine): (string | number)[][] {
  const states = [...new Set([...Object.keys(counts), ...Object.keys(times)])].sort();
  return states.map((state) => {
    const time = times[state];
    return [
      plain(id),
      plain(state),
      counts[state] ?? 0,
      time?.count ?? 0,
      time?.p50 ?? '-',
      time?.p95 ?? '-',
    ];
  });
}

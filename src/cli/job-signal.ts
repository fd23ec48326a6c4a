import type { Command } from 'commander';
import { defined } from '../jobs/defined.js';
import { type GlobalOptions, openQueue, parseId, withExamples } from './options.js';
import { print, printJson } from './output.js';
import { parseJson } from './payload.js';

interface SignalOptions extends GlobalOptions {
  data?: string;
  key?: string;
}

export function jobSignalCommand(job: Command): void {
  const command = job
    .command('signal')
    .description('send a signal to a job that waits for it, or will; ends with 4 when the job has ended')
    .argument('<id>', 'the id of the job', parseId)
    .argument('<name>', 'the name of the signal')
    .option('--data <json>', 'what the job is given (default: null)')
    .option('--key <key>', 'the same key within two minutes sends one signal')
    .action(async (id: string, name: string) => {
      const { data, key, ...options } = command.optsWithGlobals<SignalOptions>();
      const value = data === undefined ? null : parseJson(data, 'data of the signal');
      await using queue = openQueue(options);
      const sent = await queue.signal(id, name, value, defined({ key }));
      if (options.json) printJson({ id, name, ...sent });
      else
        print(sent.isKnown ? `${id}  ${name} sent` : `${id}  ${name} kept: there is no job of this id yet`);
    });
  withExamples(command, 'job signal order-42 approved', `job signal order-42 approved --data '{"by":"Ann"}'`);
}

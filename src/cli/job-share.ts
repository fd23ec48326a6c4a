/** The page of a job as a file: `job share`. */
import type { Command } from 'commander';
import { cliLogger, type GlobalOptions, openExisting, parseId, withExamples } from './options.js';
import { print } from './output.js';

export function jobShareCommand(job: Command): void {
  const command = job
    .command('share')
    .description('print the page of a job as one HTML file, without secrets, for a ticket')
    .argument('<id>', 'the id of the job', parseId)
    .action(async (id: string) => {
      const options = command.optsWithGlobals<GlobalOptions>();
      await using queue = openExisting(options, cliLogger('warn'));
      // Loaded here, so that other commands do not wait for it.
      const [{ createHttpApi }, { sharePage }] = await Promise.all([
        import('../http/index.js'),
        import('../http/share.js'),
      ]);
      // The page is made of what the API answers; no port is opened for it.
      const api = createHttpApi(queue, { tokens: [], local: true, dashboard: false });
      const ask = (path: string) => api.fetch(new Request(`http://localhost/api/v1${path}`));
      try {
        print(await sharePage(ask, id, queue.now()));
      } finally {
        await api.close();
      }
    });
  withExamples(command, 'job share order-42 > order-42.html');
}

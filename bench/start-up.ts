/**
 * How long the package takes to start: its import, its command line, and a worker until its first claim, each in turn with an empty
 * process. Run it on a quiet machine: npm run build && npx tsx bench/start-up.ts [rounds]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { JobQueueService } from 'jetfleet';
import { startEmbeddedServer } from 'jetfleet/embedded';
import { median } from './statistics.js';

const ROUNDS = Number(process.argv[2] ?? 11);
const JETFLEET = 'bin/jetfleet.js';

async function processMs(args: string[]): Promise<number> {
  const startMs = performance.now();
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`node ${args.join(' ')} ended with ${code}`);
  return performance.now() - startMs;
}

const HANDLERS = `
import { defineJob, handled } from 'jetfleet';
export default handled(defineJob({ type: 'report' }), async () => 'done', { claim: 'durable' });
`;

/** From the start of `jetfleet worker` until the claim of a job that waits is stored. */
async function firstClaimMs(queue: JobQueueService, natsUrl: string, handlers: string): Promise<number> {
  const id = await queue.addJob('report', {});
  let onClaim = (_atMs: number) => {};
  const claimed = new Promise<number>((resolve) => {
    onClaim = resolve;
  });
  const events = await queue.events({ filter: { status: ['processing'] } }, (job) => {
    if (job.id === id) onClaim(performance.now());
  });
  const env = { ...process.env, NATS_URL: natsUrl, LOG_LEVEL: 'silent' };
  const startMs = performance.now();
  const worker = spawn(process.execPath, [JETFLEET, 'worker', '--handlers', handlers], {
    env,
    stdio: 'ignore',
  });
  const ended = once(worker, 'close');
  const took = (await claimed) - startMs;
  worker.kill('SIGTERM');
  await ended;
  await events.close();
  return took;
}

// Inside the package, so that the handlers find its name.
const folder = await mkdtemp(join('dist', '.start-up-'));
const handlers = join(folder, 'handlers.mjs');
await writeFile(handlers, HANDLERS);
await using server = await startEmbeddedServer({ storeDir: join(folder, 'store') });
await using queue = new JobQueueService({ servers: server.url });
const measures: Record<string, () => Promise<number>> = {
  'node -e 0': () => processMs(['-e', '0']),
  "import 'jetfleet'": () => processMs(['--input-type=module', '-e', "import 'jetfleet'"]),
  'jetfleet --version': () => processMs([JETFLEET, '--version']),
  'jetfleet worker, until its first claim': () => firstClaimMs(queue, server.url, handlers),
};
const taken: Record<string, number[]> = {};
for (let round = 0; round <= ROUNDS; round++) {
  for (const [name, measure] of Object.entries(measures)) {
    const ms = await measure();
    // The first round fills the caches of the machine.
    if (round > 0) taken[name] = [...(taken[name] ?? []), ms];
  }
}
const emptyMs = median(taken['node -e 0'] ?? []);
for (const [name, all] of Object.entries(taken)) {
  const ms = median(all);
  process.stdout.write(
    `${name.padEnd(40)} ${ms.toFixed(0).padStart(5)} ms, ${(ms - emptyMs).toFixed(0)} ms above an empty process\n`,
  );
}
await queue.close();
await server.stop();
await rm(folder, { recursive: true });

/** What the pictures of the dashboard show: jobs in each situation, and a day of history. */
import { setTimeout as delay } from 'node:timers/promises';
import { assign, fromPromise, setup } from 'xstate';
import type { RunInput } from '../../machines/index.js';
import { type HandlerOptions, type JobOutcome, snooze } from '../../src/index.js';
import { LogHistogram } from '../../src/jobs/log-histogram.js';
import { encodeMinute, historySubject } from '../../src/wire/history-message.js';
import { gate } from '../support/gate.js';
import { type LiveSystem, order, startLiveSystem } from './live-system.js';

/** Slow enough that machines are seen in each of their states. */
const PACE = 8;

type VideoInput = RunInput<{ breaks?: boolean; stays?: boolean; title: string }>;

/** A chart of some size: two regions side by side, a loop, and an end that fails. */
function renderVideo(until: (id: string) => Promise<void>) {
  const pause = (ms: number) => fromPromise(async () => delay(ms * PACE));
  return setup({
    types: {
      context: {} as {
        id: string;
        title: string;
        breaks: boolean;
        stays: boolean;
        frames: number;
        uploadToken: string;
      },
      input: {} as VideoInput,
      output: {} as JobOutcome,
    },
    actors: {
      fetchSources: pause(120),
      mix: pause(160),
      encode: fromPromise(async ({ input }: { input: { id: string; stays: boolean } }) =>
        input.stays ? until(input.id) : delay(90 * PACE),
      ),
      upload: fromPromise(async ({ input }: { input: { breaks: boolean } }) => {
        await delay(80 * PACE);
        if (input.breaks) throw new Error('the bucket videos-eu refuses uploads over 4 GiB (HTTP 413)');
      }),
    },
    actions: { countFrame: assign({ frames: ({ context }) => context.frames + 1 }) },
    guards: { hasFrames: ({ context }) => context.frames < 6 },
    delays: { frame: 25 * PACE },
  }).createMachine({
    id: 'render_video',
    version: '4',
    description: 'Renders the frames and the sound of a video, encodes it and uploads it.',
    context: ({ input }) => ({
      ...{ id: input.jobId, title: input.payload.title, frames: 0, uploadToken: 'hunter2' },
      ...{ breaks: input.payload.breaks === true, stays: input.payload.stays === true },
    }),
    initial: 'preparing',
    output: { kind: 'completed' },
    states: {
      preparing: {
        description: 'Fetches what the video is made of.',
        invoke: { src: 'fetchSources', onDone: 'rendering' },
      },
      rendering: {
        type: 'parallel',
        description: 'Frames and sound, side by side.',
        onDone: 'encoding',
        states: {
          frames: {
            initial: 'drawing',
            states: {
              drawing: {
                after: {
                  frame: [
                    { guard: 'hasFrames', target: 'drawing', reenter: true, actions: 'countFrame' },
                    { target: 'drawn' },
                  ],
                },
              },
              drawn: { type: 'final' },
            },
          },
          sound: {
            initial: 'mixing',
            states: { mixing: { invoke: { src: 'mix', onDone: 'mixed' } }, mixed: { type: 'final' } },
          },
        },
      },
      encoding: {
        description: 'Writes the file.',
        invoke: {
          src: 'encode',
          input: ({ context }) => ({ id: context.id, stays: context.stays }),
          onDone: 'uploading',
        },
      },
      uploading: {
        description: 'Sends the file to its bucket.',
        invoke: { src: 'upload', input: ({ context }) => ({ breaks: context.breaks }), onDone: 'published' },
      },
      published: { type: 'final' },
    },
  });
}

export async function startScenes(): Promise<LiveSystem> {
  const { open: goOn, opened } = gate();
  let prints = 0;
  const system: LiveSystem = await startLiveSystem(
    { environment: 'staging', historyIntervalMs: false },
    {
      queue: {
        env: { ...process.env, JETFLEET_WEBHOOK_KEYS: `k:${Buffer.alloc(32, 1).toString('base64')}` },
      },
      handlers: {
        greet: { handler: ({ payload }) => ({ hello: payload }), concurrency: 8 },
        fetch_part: { handler: async () => delay(400), concurrency: 8 },
        merge_parts: { handler: ({ id, signal }) => system.held(id, signal) },
        render_video: { chart: renderVideo(() => opened), concurrency: 40 } as unknown as HandlerOptions,
        transcode: {
          handler: ({ id, signal }) => system.held(id, signal),
          limits: [{ key: 'tenant', concurrency: 1 }],
        },
        print_invoice: {
          handler: async ({ log }) => {
            log('sends the invoice to the printer');
            await delay(150);
            if (prints++ % 2 === 0) throw new Error('printer lp-2 does not answer within 5 s');
            return { pages: 3 };
          },
          retry: { baseMs: 400, jitter: 0 },
        },
        approve_order: async (job) => job.waitForSignal('approved', { timeoutMs: 12 * 3_600_000 }),
        broken: () => {
          throw new Error('the address of the customer is missing');
        },
        sleepy: () => snooze(3_600_000),
        release_album: async (job) =>
          job.children(
            [
              ...Array.from({ length: 9 }, (_, n) => ({
                ...{ type: 'fetch_part', payload: { track: n } },
                key: `track_${n}`,
              })),
              { type: 'merge_parts', payload: {}, key: 'master' },
              { type: 'broken', payload: {}, maxAttempts: 1, key: 'lyrics' },
              { type: 'greet', payload: {}, key: 'cover' },
            ],
            { onFailure: 'continue' },
          ),
      },
    },
  );
  const { queue, receiver } = system.fleet;
  // Nothing waits for it: it ends with the system.
  const dispose = system[Symbol.asyncDispose];
  system[Symbol.asyncDispose] = async () => {
    goOn();
    await dispose();
  };
  await queue.addJob('create_instance', order('gpu-1', receiver.url), 'high', { id: 'order-1' });
  const video = (id: string, more: object) =>
    queue.addJob('render_video', { title: 'Keynote', ...more }, 'high', { id, tags: ['tenant:acme'] });
  await video('video-1', { stays: true });
  await video('video-2', { stays: true });
  await queue.addJob('render_video', { title: 'Keynote', breaks: true }, 'normal', {
    id: 'video-3',
    maxAttempts: 2,
  });
  await system.fleet.waitForJob('video-2', 'running');
  await system.fleet.waitForJob('video-3', 'exhausted');
  await queue.cancel('video-2', 'the customer has changed the order');
  for (const id of ['transcode-1', 'transcode-2', 'transcode-3'])
    await queue.addJob('transcode', { tenant: 'acme' }, 'high', { id });
  await queue.addJob('print_invoice', { invoice: 'R-2026-118' }, 'normal', {
    id: 'invoice-9',
    maxAttempts: 3,
  });
  await queue.addJob('approve_order', { order: 'A-17' }, 'normal', { id: 'approval-1' });
  const part = (n: number) => ({ type: 'fetch_part', payload: { part: n } });
  const parts = Object.fromEntries(Array.from({ length: 24 }, (_, n) => [`part_${n}`, part(n)]));
  await queue.addFlow(
    {
      jobs: {
        ...parts,
        cover: { type: 'greet', payload: {} },
        ads: { type: 'broken', payload: {}, maxAttempts: 1, onFailure: 'ignore' },
        merge: { type: 'merge_parts', payload: {}, after: Object.keys(parts) },
        layout: { type: 'greet', payload: {}, after: ['cover', 'ads'] },
        print: { type: 'print_invoice', payload: {}, after: ['merge', 'layout'] },
        send: { type: 'greet', payload: {}, after: ['print'] },
      },
    },
    { id: 'report-7' },
  );
  for (const id of ['invoice-1', 'invoice-2'])
    await queue.addJob('broken', { id }, 'normal', { id, maxAttempts: 1 });
  await queue.schedule(
    'nightly',
    'greet',
    { name: 'report' },
    { cron: '0 3 * * *', timeZone: 'Europe/Berlin' },
  );
  const { webhookEndpoints } = queue;
  await webhookEndpoints.add({ id: 'billing', url: 'https://example.com/hooks', events: ['bench.none'] });
  await queue.addJob('transcribe', { file: 'a.wav' }, 'low', { id: 'nobody-1' });
  await queue.addJob('sleepy', {}, 'normal', { id: 'sleepy-1' });
  await queue.addJob('release_album', {}, 'normal', { id: 'album-1' });
  await system.fleet.waitForJob('invoice-9', 'completed');
  await system.fleet.waitForJob('order-1-monitor', 'completed');
  await receiver.waitFor(() => true);
  await system.fleet.waitForJob('report-7-merge', 'running');
  await system.fleet.waitForJob('album-1-master', 'running');
  await fetch(`${system.http.url}/api/v1/pauses/resume`, { method: 'POST' });
  return system;
}

/** A day that nobody has waited for: minutes of work in waves, with half an hour in which much failed. */
export async function writeHistory({ fleet: { queue } }: LiveSystem): Promise<void> {
  const broker = await queue.broker();
  const { created } = await broker.topology.streamInfo('events');
  const history = broker.extra.of('history');
  await history.open();
  const now = Math.floor(Date.now() / 60_000) * 60_000;
  // The same numbers each time.
  let seed = 7;
  const random = () => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const tallyOf = (completed: number, failed: number, runMs: number) => {
    const [wait, run] = [new LogHistogram(), new LogHistogram()];
    for (let n = 0; n < completed + failed; n++) {
      wait.add(5 * Math.exp(3 * random()));
      run.add(runMs * Math.exp(2.5 * (random() - 0.5)) * (random() < 0.04 ? 30 : 1));
    }
    const counts = {
      started: completed + failed,
      completed,
      failed,
      cancelled: failed > 2 ? 1 : 0,
      retried: failed * 2,
    };
    return { ...counts, wait: wait.sparse(), run: run.sparse() };
  };
  const minutes = Array.from({ length: 24 * 60 }, (_, index) => 24 * 60 - index);
  await Promise.all(
    minutes.map((ago) => {
      const at = new Date(now - ago * 60_000).toISOString();
      const isBad = ago > 300 && ago < 340;
      const wave = 100 + 70 * Math.sin(ago / 120) + 30 * random();
      const all = tallyOf(
        Math.round(isBad ? wave / 3 : wave),
        isBad ? 45 : random() < 0.3 ? 2 : 0,
        isBad ? 4_000 : 180,
      );
      const some = tallyOf(Math.round(wave / 3), 0, 900);
      return history.log.append({
        subject: historySubject(broker.subjects, at.slice(0, 16).replaceAll(/[-:]/g, '')),
        data: encodeMinute({
          ...{ v: 1, at, events: String(created), nextSeq: 1, all },
          errors: all.failed > 0 ? { UPLOAD_REFUSED: all.failed } : {},
          type: { values: { render_video: all, print_invoice: some } },
          priority: { values: { normal: all, high: some } },
          worker: { values: { 'worker-a': all, 'worker-b': some } },
          tag: { values: { 'tenant:acme': all, 'tenant:globex': some } },
          depth: {
            ...{ pending: Math.round(wave * (isBad ? 40 : 2)), processing: 4 },
            oldestMs: isBad ? (340 - ago) * 30_000 : Math.round(400 * random()),
            ...(ago < 500 && { unhandledMs: (500 - ago) * 2_000 }),
          },
        }),
      });
    }),
  );
}

/** Adds a job of the machine every moment, until it is told to stop. */
export function keepRendering({ fleet: { queue } }: LiveSystem): () => void {
  const timer = setInterval(() => {
    queue.addJob('render_video', { title: 'Teaser' }, 'normal').catch(() => clearInterval(timer));
  }, 150);
  return () => clearInterval(timer);
}

/** Something to see on the charts: work in waves. */
export async function bustle({ fleet: { queue } }: LiveSystem, seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second++) {
    const count = Math.round(12 + 8 * Math.sin(second / 5));
    await queue.addJobs(Array.from({ length: count }, () => ({ type: 'greet', payload: {} })));
    await delay(1_000);
  }
}

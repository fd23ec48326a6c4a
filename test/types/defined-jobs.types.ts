/** What must compile, and what must not: `npm run typecheck` holds it. Nothing here runs. */
import { z } from 'zod';
import { jobMachine } from '../../machines/index.js';
import {
  complete,
  createInstance,
  defineJob,
  deleteInstance,
  handled,
  type JobQueueService,
  type JobWorkerService,
  monitorInstance,
  NonRetryableError,
  sendWebhook,
  snooze,
} from '../../src/index.js';

declare const queue: JobQueueService;
declare const worker: JobWorkerService;

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const same = <A, B>(..._: Equal<A, B> extends true ? [] : [never]): void => {};

const resize = defineJob({
  type: 'resize',
  payload: z.object({ url: z.string(), width: z.number().default(100), at: z.string().transform(Number) }),
  checkpoint: z.object({ part: z.number() }),
  result: z.object({ bytes: z.number() }),
  retry: { baseMs: 10 },
});
const loose = defineJob({ type: 'loose' });
const report = defineJob({ type: 'report', payload: z.object({ month: z.number() }) });

export async function add(): Promise<void> {
  const { id, created } = await queue.add(resize, { url: 'u', at: '5' }, { priority: 'high', delayMs: 5 });
  same<typeof id, string>();
  same<typeof created, boolean>();
  await queue.add(loose, { anything: 1 });
  // @ts-expect-error a field is missing
  await queue.add(resize, { url: 'u' });
  // @ts-expect-error a field has the wrong type
  await queue.add(resize, { url: 'u', at: '5', width: '100' });
  // @ts-expect-error what a handler gets is not what a producer gives
  await queue.add(resize, { url: 'u', at: 5 });
  // @ts-expect-error no such field
  await queue.add(report, { month: 5, year: 2026 });
  // @ts-expect-error no such option
  await queue.add(report, { month: 5 }, { prio: 'high' });
  // @ts-expect-error a name is no definition
  await queue.add('report', { month: 5 });
}

export async function addMany(): Promise<void> {
  await queue.addJobs([resize.of({ url: 'u', at: '5' }, { priority: 'low' }), report.of({ month: 5 })]);
  // @ts-expect-error a field is missing
  await queue.addJobs([resize.of({ url: 'u' })]);
  // @ts-expect-error a field has the wrong type
  await queue.addJobs([report.of({ month: 'May' })]);
  // @ts-expect-error no such option
  await queue.addJobs([report.of({ month: 5 }, { idSuffix: 'x' })]);
}

export async function read(id: string): Promise<void> {
  const result = await queue.result(resize, id);
  same<typeof result, { bytes: number }>();
  const job = await queue.getJob(resize, id);
  same<NonNullable<typeof job>['result'], { bytes: number } | undefined>();
  const size = defineJob({ type: 'size', result: z.string().transform(Number) });
  worker.handle(size, () => '5');
  // @ts-expect-error what a handler returns is not what the schema makes of it
  worker.handle(size, () => 5);
  const parsed = await queue.result(size, id);
  same<typeof parsed, number>();
  const unknown = await queue.result(loose, id);
  same<typeof unknown, unknown>();
  // @ts-expect-error no such option
  await queue.result(resize, id, { timeout: 5 });
}

export function handle(): void {
  worker.handle(resize, ({ payload, checkpoint }) => {
    same<typeof payload, { url: string; width: number; at: number }>();
    same<typeof checkpoint, { part: number } | undefined>();
    return { bytes: payload.width };
  });
  worker.handle(
    resize,
    async ({ payload, checkpoint, saveCheckpoint }) => {
      if (payload.at < 0) throw new NonRetryableError('no');
      if (!checkpoint) return snooze(5, { part: 1 });
      if (payload.width > 10) return snooze(5);
      await saveCheckpoint({ part: 2 });
      return complete({ bytes: 5 }, [report.next({ month: 5 }, { idSuffix: 'report' })]);
    },
    { concurrency: 5 },
  );
  worker.handle(resize, jobMachine);
  worker.handle(loose, () => {});
  worker.handle(loose, async ({ payload }) => payload);
  worker.handle(report, ({ payload }) => complete(payload.month));

  // @ts-expect-error a result of another type
  worker.handle(resize, () => ({ bytes: 'many' }));
  // @ts-expect-error no result
  worker.handle(resize, async () => {});
  // @ts-expect-error a result of another type, completed
  worker.handle(resize, () => complete({ size: 5 }));
  // @ts-expect-error completed without a result
  worker.handle(resize, () => complete());
  // @ts-expect-error a checkpoint of another type
  worker.handle(resize, () => snooze(5, { piece: 1 }));
  // @ts-expect-error no such field in the payload
  worker.handle(report, ({ payload }) => payload.year);
  worker.handle(resize, async (job) => {
    // @ts-expect-error a checkpoint of another type
    await job.saveCheckpoint('half');
    return { bytes: 1 };
  });
  // @ts-expect-error no function
  worker.handle(report, { concurrency: 5 });
  // @ts-expect-error nothing that runs it
  worker.handle(report);
  // @ts-expect-error no such option
  worker.handle(report, () => {}, { concurency: 5 });
}

export function follow(): void {
  // @ts-expect-error a field has the wrong type
  complete('done', [report.next({ month: 'May' }, { idSuffix: 'report' })]);
  // @ts-expect-error a field is missing
  complete('done', [resize.next({ url: 'u' }, { idSuffix: 'report' })]);
  // @ts-expect-error without what its id is made of
  complete('done', [report.next({ month: 5 })]);
}

export function define(): void {
  // @ts-expect-error without a type
  defineJob({ payload: z.string() });
  // @ts-expect-error no schema
  defineJob({ type: 'report', payload: { month: 'number' } });
  // @ts-expect-error no such option
  defineJob({ type: 'report', maxAttempt: 3 });
  // @ts-expect-error neither given nor parsed
  defineJob({ type: 'report', stores: 'both' });
}

export function after(): void {
  defineJob({
    type: 'report',
    payload: z.object({ month: z.coerce.number<string>() }),
    result: z.string().transform(Number),
    after: (job) => {
      if (job.status === 'failed') {
        same<typeof job.payload, unknown>();
        return [];
      }
      // What was stored: what the producer gave, and what the handler returned.
      same<typeof job.payload, { month: string }>();
      same<typeof job.result, string>();
      return [resize.next({ url: job.result, at: '5' }, { idSuffix: 'resize' })];
    },
  });
  defineJob({ type: 'report', after: ({ state }) => (state === 'cancelled' ? [] : undefined) });
  // @ts-expect-error no function
  defineJob({ type: 'report', after: [report.next({ month: 5 }, { idSuffix: 'x' })] });
  // @ts-expect-error no list
  defineJob({ type: 'report', after: () => report.next({ month: 5 }, { idSuffix: 'x' }) });
  // @ts-expect-error a job that is to be added is none that follows
  defineJob({ type: 'report', after: () => [report.of({ month: 5 })] });
  // @ts-expect-error later is too late: it is written with the end of the job
  defineJob({ type: 'report', after: async () => [] });
  // @ts-expect-error a field has the wrong type
  defineJob({ type: 'report', after: () => [report.next({ month: 'May' }, { idSuffix: 'x' })] });
  defineJob({
    type: 'report',
    result: z.string(),
    // @ts-expect-error the payload of a failed job may be anything
    after: (job) => [report.next({ month: job.payload.month }, { idSuffix: 'x' })],
  });
}

/** What a handler without a schema of its result may return. */
export function returns(): void {
  const counting = defineJob({ type: 'counting', checkpoint: z.number() });
  worker.handle(counting, () => snooze(5, 1));
  worker.handle(counting, async () => ({ any: 'thing' }));
  worker.handle(counting, () => {});
  worker.handle(counting, ({ checkpoint = 0 }) => (checkpoint > 3 ? 'done' : snooze(5, checkpoint + 1)));
  worker.handle(counting, () => complete());
  // @ts-expect-error a checkpoint of another type
  worker.handle(counting, () => snooze(5, 'one'));
  // @ts-expect-error a checkpoint of another type, later
  worker.handle(counting, async () => snooze(5, 'one'));
  // @ts-expect-error JSON cannot carry it
  worker.handle(counting, () => 5n);
}

const order = {
  instanceId: 'i',
  name: 'n',
  productName: 'p',
  templateId: 't',
  gpuNum: 1,
  rootfsSize: 10,
  region: 'r',
};

export async function builtIn(id: string): Promise<void> {
  await queue.add(createInstance, order);
  await queue.add(monitorInstance, { instanceId: 'i', novitaInstanceId: 'n', startTime: new Date() });
  await queue.add(sendWebhook, { url: 'https://example.com', payload: { any: 'thing' } });
  await queue.addJob('create_instance', order);
  await queue.addJob('report', { any: 'thing' });
  await queue.addJobs([
    createInstance.of(order),
    { type: 'create_instance', payload: order },
    { type: 'report', payload: { any: 'thing' } },
  ]);
  const created = await queue.result(createInstance, id);
  same<typeof created.novitaInstanceId, string>();
  const delivered = await queue.result(sendWebhook, id);
  same<typeof delivered.status, number>();
  // @ts-expect-error fields are missing
  await queue.add(createInstance, { instanceId: 'i' });
  // @ts-expect-error a field has the wrong type
  await queue.add(createInstance, { ...order, gpuNum: '1' });
  // @ts-expect-error no such field
  await queue.add(deleteInstance, { instanceId: 'i', id: 'n' });
  // @ts-expect-error what is to be sent is missing
  await queue.add(sendWebhook, { url: 'https://example.com' });
  // @ts-expect-error fields are missing
  await queue.addJob('create_instance', { instanceId: 'i' });
  // @ts-expect-error fields are missing
  await queue.addJobs([createInstance.of({ instanceId: 'i' })]);
  // @ts-expect-error fields are missing, by name
  await queue.addJobs([{ type: 'create_instance', payload: { instanceId: 'i' } }]);
  worker.handle(sendWebhook, () => ({ status: 200, durationMs: 5 }));
  worker.handle(sendWebhook, async ({ payload }) => {
    same<typeof payload.url, string | undefined>();
    return complete({ status: 200, durationMs: 5 }, [createInstance.next(order, { idSuffix: 'again' })]);
  });
  handled(sendWebhook, () => ({ status: 200, durationMs: 5 }), { concurrency: 5 });
  // @ts-expect-error a result of another type
  worker.handle(sendWebhook, () => ({ status: 'sent' }));
  // @ts-expect-error nothing that runs it
  worker.handle(createInstance, { concurrency: 5 });
  // @ts-expect-error a result of another type
  handled(sendWebhook, () => 200);
  // @ts-expect-error nothing that runs it
  handled(createInstance);
  // @ts-expect-error fields are missing
  complete('done', [createInstance.next({ instanceId: 'i' }, { idSuffix: 'again' })]);
}

/** What must compile, and what must not: `npm run typecheck` holds it. Nothing here runs. */
import { z } from 'zod';
import { jobMachine } from '../../machines/index.js';
import {
  complete,
  defineJob,
  type JobQueueService,
  type JobWorkerService,
  NonRetryableError,
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
}

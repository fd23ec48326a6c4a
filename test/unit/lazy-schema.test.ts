import { expect, it, vi } from 'vitest';
import { z } from 'zod';
import { createInstancePayload } from '../../src/instances/schemas.js';
import { defineJob } from '../../src/jobs/define-job.js';
import { lazySchema } from '../../src/jobs/lazy-schema.js';
import { assertSchema, isZod, payloadInTime } from '../../src/jobs/schema.js';

const size = () => z.strictObject({ gb: z.number().int().min(1).default(10) });

it('builds its schema once, when it is first used, and not to define a job', () => {
  const build = vi.fn(size);
  const payload = lazySchema(build);
  expect(isZod(payload)).toBe(true);
  assertSchema('payload', payload);
  const grow = defineJob({ type: 'grow', payload, stores: 'parsed' });
  expect(build).not.toHaveBeenCalled();
  expect(payloadInTime('grow', grow.payload as typeof payload, {})).toEqual({ gb: 10 });
  expect(() => payloadInTime('grow', payload, { gb: 0 })).toThrow(/gb/);
  expect(build).toHaveBeenCalledOnce();
});

it('is as the schema itself for those who build on it', async () => {
  const lazy = lazySchema(size);
  expect(lazy).toBeInstanceOf(z.ZodObject);
  expect(Object.keys(lazy.shape)).toEqual(['gb']);
  expect(lazy.extend({ name: z.string() }).parse({ name: 'a' })).toEqual({ gb: 10, name: 'a' });
  const nested = z.object({ disk: lazy.optional(), all: z.array(lazy) });
  expect(nested.parse({ all: [{}] })).toEqual({ all: [{ gb: 10 }] });
  expect(nested.safeParse({ all: [{ gb: 0 }] }).error?.issues[0]?.path).toEqual(['all', 0, 'gb']);
  expect(z.toJSONSchema(lazy)).toEqual(z.toJSONSchema(size()));
  expect(await lazy['~standard'].validate({ gb: 3 })).toEqual({ value: { gb: 3 } });
});

it('stands for the payloads that the package exports', () => {
  expect(Object.keys(createInstancePayload.shape)).toContain('gpuNum');
  expect('_zod' in createInstancePayload).toBe(true);
});

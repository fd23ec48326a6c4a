/**
 * What the answers of RunPod's API v2 hold, as far as Jetfleet reads them: the OpenAPI document
 * https://github.com/runpod/docs/blob/main/api-reference-v2/openapi.json (read at a900806e, 2026-08-20). Unknown keys pass.
 */
import * as z from 'zod';
import { hasMessage, isPartOfList } from '../api/api-errors.js';
import { gpuCount, id, listOf, number, readable, text } from '../api/fields.js';

const runtimePort = z.looseObject({
  private: number,
  public: readable(number),
  type: readable(z.string()),
  ip: readable(z.string()),
});

/** A `Pod`. Without an id and a status it says nothing; every other field is read by itself. */
export const podSchema = z.looseObject({
  id,
  name: readable(text),
  status: z.string(),
  gpu: readable(z.looseObject({ id: readable(text), count: readable(gpuCount) })),
  ports: readable(z.array(readable(z.string()))),
  dataCenterId: readable(z.string()),
  cost: readable(number),
  runtime: readable(z.looseObject({ ports: readable(z.array(readable(runtimePort))) })),
  createdAt: readable(z.string()),
  startedAt: readable(z.string()),
});
export type Pod = z.output<typeof podSchema>;

export const podListSchema = z
  .looseObject({ pods: z.array(z.unknown()) })
  .refine((body) => body.pods.length > 0 || !hasMessage(body), 'pods is empty beside a message')
  .refine((body) => !isPartOfList(body, body.pods.length), 'pods are a part of the list');
/** An element of the list: there whatever its status says, and undefined when not even its id can be read. */
export const listedPodSchema = readable(podSchema.extend({ status: z.string().catch('') }));

/** Of the answer to a create only the id counts: everything else is read again. */
export const createdPodSchema = z.looseObject({ id });

const availability = readable(z.string());
export const gpuTypeListSchema = z.looseObject({
  gpus: listOf(
    z.looseObject({
      id: z.string(),
      name: readable(z.string()),
      price: readable(z.looseObject({ secure: readable(number), community: readable(number) })),
      maxCount: readable(z.looseObject({ secure: readable(number), community: readable(number) })),
      dataCenters: readable(listOf(z.looseObject({ id: z.string(), availability }))),
    }),
  ),
});
export type GpuType = z.output<typeof gpuTypeListSchema>['gpus'][number];

/** A `Template`. It is read strictly: what is dropped here is missing on a pod that is paid for. */
export const podTemplateSchema = z.looseObject({
  id: text,
  image: z.string().min(1),
  args: z.string().nullish(),
  ports: z.array(z.string()).nullish(),
  env: z.record(z.string(), z.string()).nullish(),
  registry: z.string().nullish(),
  serverless: readable(z.boolean()),
});

/**
 * What the answers of Lambda Cloud's API v1 hold, as far as Jetfleet reads them: its OpenAPI document
 * (https://cloud.lambda.ai/api/v1/openapi.json; the copy in https://github.com/api-evangelist/lambda at a965ec9). Every body is
 * wrapped in `data`. Unknown keys pass.
 */
import * as z from 'zod';
import { hasMessage, isPartOfList } from '../api/api-errors.js';
import { gpuCount, id, listOf, number, readable, text } from '../api/fields.js';

const region = z.looseObject({ name: z.string() });
const instanceType = z.looseObject({
  name: z.string(),
  gpu_description: readable(z.string()),
  description: readable(z.string()),
  price_cents_per_hour: readable(number),
  specs: readable(z.looseObject({ gpus: readable(number), storage_gib: readable(number) })),
});

/** Without an id and a status it says nothing; every other field is read by itself. It has no time of its creation. */
export const lambdaInstanceSchema = z.looseObject({
  id,
  name: readable(text),
  status: z.string(),
  ip: readable(z.string()),
  region: readable(region),
  instance_type: readable(
    z.looseObject({
      name: readable(z.string()),
      price_cents_per_hour: readable(number),
      specs: readable(z.looseObject({ gpus: readable(gpuCount) })),
    }),
  ),
});
export type LambdaInstance = z.output<typeof lambdaInstanceSchema>;

export const lambdaReadSchema = z.looseObject({ data: lambdaInstanceSchema });
export const lambdaListSchema = z
  .looseObject({ data: z.array(z.unknown()) })
  .refine((body) => body.data.length > 0 || !hasMessage(body), 'data is empty beside a message')
  .refine((body) => !isPartOfList(body, body.data.length), 'data are a part of the list');
/** An element of the list: there whatever its status says, and undefined when not even its id can be read. */
export const listedLambdaSchema = readable(lambdaInstanceSchema.extend({ status: z.string().catch('') }));

/** A launch of one instance gives one id. */
export const launchedSchema = z.looseObject({ data: z.looseObject({ instance_ids: z.array(id).length(1) }) });

const changed = listOf(z.looseObject({ id }));
export const terminatedSchema = z.looseObject({ data: z.looseObject({ terminated_instances: changed }) });
export const restartedSchema = z.looseObject({ data: z.looseObject({ restarted_instances: changed }) });

const offered = z.looseObject({
  instance_type: instanceType,
  regions_with_capacity_available: readable(listOf(region)),
});
/** By the name of the type. One that cannot be read makes no offer. */
export const lambdaTypesSchema = z
  .looseObject({ data: z.record(z.string(), readable(offered)) })
  .refine((body) => Object.keys(body.data).length > 0 || !hasMessage(body), 'data is empty beside a message');
export type LambdaOffered = z.output<typeof offered>;

export const lambdaImagesSchema = z.looseObject({
  data: listOf(
    z.looseObject({ id: text, family: readable(z.string()), region: readable(region), name: readable(text) }),
  ),
});

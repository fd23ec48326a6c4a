/** What the answers of the API hold, as far as Jetfleet reads them. */
import * as z from 'zod';
import { hasMessage } from '../api/api-errors.js';
import { absentOr, gpuCount, id, listOf, number, readable, text } from '../api/fields.js';

/**
 * An instance as `GET /gpu/instance` gives it: what Jetfleet reads of it, other keys pass. Without an id and a status it
 * says nothing; every other field is read by itself.
 */
export const novitaInstanceSchema = z.looseObject({
  id,
  name: readable(text),
  status: z.string(),
  clusterId: readable(text),
  clusterName: readable(z.string()),
  productId: readable(text),
  gpuNum: readable(gpuCount),
  portMappings: readable(
    z.array(
      readable(z.looseObject({ port: number, endpoint: readable(z.string()), type: readable(z.string()) })),
    ),
  ),
  statusError: readable(z.looseObject({ state: readable(z.string()), message: readable(z.string()) })),
  spotStatus: readable(z.string()),
  spotReclaimTime: readable(text),
  createdAt: readable(text),
  lastStartedAt: readable(text),
  lastStoppedAt: readable(text),
});
export type NovitaInstance = z.output<typeof novitaInstanceSchema>;

/** An empty list may come as null, which counts only beside a total of 0. */
export const novitaInstanceListSchema = z
  .looseObject({ instances: z.array(z.unknown()).nullable(), total: readable(number) })
  .refine(({ instances, total }) => instances !== null || total === 0, 'instances is null')
  .refine((body) => body.instances?.length || !hasMessage(body), 'instances is empty beside a message')
  .transform(({ instances, total }) => ({ instances: instances ?? [], total }));

/** An element of a list: there whatever its status says, and undefined when not even its id can be read. */
export const listedInstanceSchema = readable(novitaInstanceSchema.extend({ status: z.string().catch('') }));

export const novitaCreatedSchema = z.looseObject({ id });

export const novitaProductSchema = z.looseObject({
  id,
  name: z.string(),
  availableDeploy: readable(z.boolean()),
  inventoryState: readable(z.string()),
  /** Empty: every cluster has it. */
  regions: z.array(z.string()).nullish().catch(undefined),
  price: readable(number),
  spotPrice: readable(number),
});
export type NovitaProduct = z.output<typeof novitaProductSchema>;
export const novitaProductListSchema = z
  .looseObject({ data: listOf(novitaProductSchema) })
  .refine((body) => body.data.length > 0 || !hasMessage(body), 'data is empty beside a message');

const clusterSchema = z.looseObject({
  id,
  name: readable(z.string()),
  availableGpuType: readable(z.array(z.string())),
  supportNetworkStorage: readable(z.boolean()),
});
export const novitaClusterListSchema = z.looseObject({ data: listOf(clusterSchema) });
export type NovitaCluster = { id: string; name?: string | undefined };

/** `GET /templates`: the list calls a template's id `Id`, as the single read does. */
export const novitaTemplateListSchema = z.looseObject({
  template: listOf(
    z.looseObject({
      Id: text,
      name: readable(z.string()),
      image: readable(z.string()),
      channel: readable(z.string()),
    }),
  ),
  total: readable(number),
});

/** Everything that create accepts. It is read strictly: what is dropped here is missing on an instance that is paid for. */
export const novitaTemplateSchema = z.looseObject({
  template: z.looseObject({
    Id: absentOr(text),
    image: absentOr(z.string()),
    imageAuth: absentOr(text),
    startCommand: absentOr(z.string()),
    entrypoint: absentOr(z.string()),
    minCudaVersion: absentOr(text),
    ports: absentOr(z.array(z.looseObject({ type: z.string(), ports: absentOr(z.array(number)) }))),
    envs: absentOr(z.array(z.looseObject({ key: z.string(), value: absentOr(text) }))),
    tools: absentOr(
      z.array(z.looseObject({ name: z.string(), port: absentOr(text), type: absentOr(z.string()) })),
    ),
    volumes: absentOr(
      z.array(
        z.looseObject({ type: absentOr(z.string()), id: absentOr(text), mountPath: absentOr(z.string()) }),
      ),
    ),
  }),
});

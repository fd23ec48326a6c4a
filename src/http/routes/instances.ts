import { z } from '@hono/zod-openapi';
import { isCallbackToken } from '../../instances/callback-token.js';
import type { Instances } from '../../instances/instances.js';
import {
  autoStopPayload,
  checkInstancePayload,
  extendLeasePayload,
  migrateInstancePayload,
  orderInstancePayload,
  watchSettings,
} from '../../instances/lifecycle-schemas.js';
import type { AddOptions } from '../../jobs/define-job.js';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import type { Added } from '../../queue/job-add.js';
import { idParams, jobIdSchema, prioritySchema, timeSchema, webhookUrlSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const MAX_BYTES = 10_000;
const addedSchema = z.object({
  id: z.string(),
  created: z.boolean().openapi({ description: 'False for a job that was there already' }),
});
const addressSchema = z
  .object({
    instanceId: z.string(),
    novitaInstanceId: z.string(),
    createJobId: z.string().optional(),
  })
  .openapi('InstanceAddress');

/** What each job takes besides the instance, which the path names by a job of it. */
const ofJob = {
  id: jobIdSchema
    .optional()
    .openapi({ description: 'Of the job that is added; the same id twice is one job' }),
  priority: prioritySchema.optional(),
  webhookUrl: webhookUrlSchema.optional(),
};
const withoutIds = { instanceId: true, novitaInstanceId: true } as const;
const withoutInstance = { instanceId: true, novitaInstanceId: true, webhookUrl: true } as const;
const ordered = orderInstancePayload.omit(withoutInstance).extend(ofJob);
const migrated = migrateInstancePayload.omit({ ...withoutInstance, createJobId: true }).extend(ofJob);
const checked = checkInstancePayload.omit(withoutInstance).extend(ofJob);
const wokenSchema = z.object({ id: z.string(), woken: z.boolean() });
const watched = watchSettings.omit({ webhookUrl: true, reported: true, pricePerHour: true }).extend(ofJob);
const stopping = z.strictObject({ ...autoStopPayload.shape, ...ofJob }).omit(withoutIds);
const extending = z.strictObject({ ...extendLeasePayload.shape, ...ofJob }).omit(withoutIds);

type InstanceRoutes = Routes & { instances: Instances; callbackSecret?: string };

/** `/api/v1/instances`: jobs of instances that exist. */
export function instanceRoutes(routes: InstanceRoutes): void {
  const { instances } = routes;
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/instances/{id}',
    tag: 'Instances',
    summary: 'The ids of the instance of a job, such as the create_instance job that rented it',
    role: 'observer',
    params: idParams,
    answers: { 200: { description: 'The instance', schema: addressSchema } },
    handle: async ({ c, params: { id } }) => c.json(await instances.find(id)),
  });
  verbRoute(routes, 'start', 'Start an instance that was stopped', ordered, (of, body) =>
    instances.start(of, body),
  );
  verbRoute(routes, 'stop', 'Stop an instance', ordered, (of, body) => instances.stop(of, body));
  verbRoute(routes, 'restart', 'Restart an instance', ordered, (of, body) => instances.restart(of, body));
  verbRoute(routes, 'migrate', 'Move an instance to another machine', migrated, (of, body) =>
    instances.migrate(of, body),
  );
  verbRoute(routes, 'check', 'Check whether an instance runs and its ports answer', checked, (of, body) =>
    instances.check(of, body),
  );
  verbRoute(routes, 'watch', 'Watch an instance, and report what happens to it', watched, (of, body) =>
    instances.watch(of, body),
  );
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/instances/{id}/wake',
    tag: 'Instances',
    summary: 'Have a job that waits for its instance look at once',
    role: 'operator',
    audit: false,
    params: idParams,
    answers: { 200: { description: 'Whether it was waiting', schema: wokenSchema } },
    handle: async ({ c, params: { id } }) => c.json({ id, woken: await instances.wake(id) }),
  });
  callbackRoute(routes);
  verbRoute(
    routes,
    'auto-stop',
    'Have an instance stopped or deleted once it is idle',
    stopping,
    (of, body) => instances.autoStop(of, body),
  );
  verbRoute(routes, 'extend-lease', 'Move the end of the lease of an instance', extending, (of, body) =>
    instances.extendLease(of, body),
  );
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/instances/{id}/used',
    tag: 'Instances',
    summary: 'Say to an auto_stop job, by its id, that its instance is used',
    role: 'operator',
    audit: false,
    params: idParams,
    body: { schema: z.strictObject({ at: timeSchema.optional() }).optional(), maxBytes: 1_024 },
    answers: { 202: { description: 'It is stored', schema: z.object({ id: z.string() }) } },
    handle: async ({ c, params: { id }, body }) => {
      await instances.used(id, body?.at);
      return c.json({ id }, 202);
    },
  });
  const deleted = z.strictObject(ofJob);
  verbRoute(routes, 'delete', 'Delete an instance, until it is proven to be gone', deleted, (of, body) =>
    instances.delete(of, body),
  );
}

/**
 * Where a provider reports a change of an instance. The token in the address is of this job alone, and what is sent is not read: a stranger who
 * knows it can have the job look, and nothing else.
 */
function callbackRoute({ callbackSecret, instances, ...routes }: InstanceRoutes): void {
  addRoute(routes, {
    method: 'post',
    path: '/callbacks/instances/{id}',
    tag: 'Instances',
    summary: 'For providers: something has happened to the instance of a job',
    role: 'open',
    audit: false,
    params: idParams,
    query: z.object({ token: z.string().max(200).default('') }),
    answers: { 202: { description: 'The job looks at once', schema: wokenSchema } },
    handle: async ({ c, params: { id }, query: { token } }) => {
      if (callbackSecret === undefined || !isCallbackToken(callbackSecret, id, token)) {
        throw new JetfleetError('JETFLEET_HTTP_UNAUTHORIZED', 'the callback has no valid token for this job');
      }
      return c.json({ id, woken: await instances.wake(id) }, 202);
    },
  });
}

function verbRoute<S extends z.ZodObject>(
  routes: Routes,
  verb: string,
  summary: string,
  schema: S,
  add: (of: string, options: AddOptions) => Promise<Added>,
): void {
  addRoute(routes, {
    method: 'post',
    path: `/api/v1/instances/{id}/${verb}`,
    tag: 'Instances',
    summary,
    role: 'operator',
    params: idParams,
    body: { schema: schema.optional(), maxBytes: MAX_BYTES },
    answers: { 201: { description: 'The job that does it is durable', schema: addedSchema } },
    handle: async ({ c, params: { id }, body }) => {
      const { id: jobId, created } = await add(id, defined({ ...body }) as AddOptions);
      c.header('location', `/api/v1/jobs/${jobId}`);
      return c.json({ id: jobId, created }, 201);
    },
  });
}

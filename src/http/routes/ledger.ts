import { z } from '@hono/zod-openapi';
import { shownCost } from '../../instances/instance-costs.js';
import type { Instances } from '../../instances/instances.js';
import type { OrphanOptions } from '../../instances/orphans.js';
import { DIFFERENCES } from '../../instances/reconcile.js';
import { defined } from '../../jobs/defined.js';
import { JetfleetError } from '../../jobs/errors.js';
import { LEDGER_STATUSES } from '../../money/ledger.js';
import { BILLED_STATES, LEDGER_ENDS } from '../../money/ledger-entry.js';
import { idParams, tagSchema, timeSchema } from '../job-schemas.js';
import { addRoute, type Routes } from '../route.js';

const amount = z.number().int().openapi({ description: '1/100,000 USD' });
const times = z.string().openapi({ description: 'ISO 8601' });

const instanceSchema = z
  .object({
    v: z.literal(1),
    novitaInstanceId: z.string(),
    id: z.string().openapi({ description: 'As the provider alone knows it' }),
    provider: z.string(),
    account: z.string(),
    name: z.string().optional(),
    instanceId: z.string().optional(),
    jobId: z.string().optional().openapi({ description: 'The create_instance job that rented it' }),
    owner: z.string().optional().openapi({ description: 'The job with which its operation began' }),
    tags: z.array(z.string()),
    region: z.string().optional(),
    productId: z.string().optional(),
    gpuNum: z.number().optional(),
    billingMode: z.string().optional(),
    billedMs: z.number().openapi({ description: 'What is billed is rounded up to so many milliseconds' }),
    rentedAt: times,
    changes: z.array(z.object({ at: times, state: z.enum(BILLED_STATES), pricePerHour: amount.nullable() })),
    seen: z
      .object({
        states: z.array(z.object({ at: times, state: z.enum(BILLED_STATES) })),
        prices: z.array(z.object({ at: times, pricePerHour: amount })),
        ends: z.array(z.object({ at: times, provenAt: times, end: z.enum(LEDGER_ENDS) })),
        interruptedAt: times.optional(),
      })
      .openapi({ description: 'What was seen of it; `changes`, `endedAt` and `end` follow from that' }),
    earlier: z
      .object({
        until: times,
        days: z.record(z.string(), z.string()),
        unpricedMs: z.record(z.string(), z.number().int()),
        runFrom: times.optional(),
      })
      .optional()
      .openapi({ description: 'What UTC days have cost whose changes are not kept' }),
    endedAt: times.optional(),
    end: z.enum(LEDGER_ENDS).optional(),
    status: z.enum(['running', 'stopped', 'ended']),
    cost: amount.openapi({ description: 'So far, in 1/100,000 USD' }),
    ratePerHour: amount.openapi({ description: 'As it is now, in 1/100,000 USD' }),
    isUnpriced: z.boolean().openapi({ description: 'The price of a part of its time is not known' }),
  })
  .openapi('RentedInstance');

const costSchema = z
  .object({
    jobId: z.string(),
    cost: amount,
    ratePerHour: amount,
    isUnpriced: z.boolean(),
    instances: z.array(instanceSchema),
  })
  .openapi('JobCost');

const sum = { amount, ratePerHour: amount, instances: z.number().int() };
const spentSchema = z
  .object({
    since: times,
    until: times,
    total: amount,
    ratePerHour: amount,
    instances: z.number().int(),
    running: z.number().int(),
    unpriced: z.number().int(),
    byAccount: z.array(
      z.object({
        provider: z.string(),
        account: z.string(),
        ...sum,
        running: z.number().int(),
        stopped: z.number().int(),
      }),
    ),
    byTag: z.array(z.object({ tag: z.string(), ...sum })),
    byDay: z.array(z.object({ day: z.string().openapi({ example: '2026-11-30' }), amount })),
  })
  .openapi('Spent');

const orphanSchema = z
  .object({
    novitaInstanceId: z.string(),
    name: z.string(),
    status: z.string(),
    region: z.string().optional(),
    why: z.string(),
    since: times,
    deletable: z.boolean(),
    pricePerHour: amount.nullable(),
    cost: amount.nullable(),
  })
  .openapi('Orphan');

const value = z.union([z.string(), z.number()]).nullable();
const reconciliationSchema = z
  .object({
    agrees: z.boolean(),
    accounts: z.array(
      z.object({
        provider: z.string(),
        account: z.string(),
        listed: z.number().int(),
        open: z.number().int(),
        error: z.string().optional(),
      }),
    ),
    differences: z.array(
      z.object({
        kind: z.enum(DIFFERENCES),
        provider: z.string(),
        account: z.string(),
        novitaInstanceId: z.string(),
        name: z.string().optional(),
        jobId: z.string().optional(),
        ledger: value,
        shown: value,
        cost: amount.optional(),
        fixed: z.boolean(),
        why: z.string().optional(),
      }),
    ),
    unchecked: z.number().int(),
  })
  .openapi('Reconciliation');

const which = {
  account: z.string().max(100).optional(),
  provider: z.string().max(100).optional(),
  tag: tagSchema.optional(),
  since: timeSchema.optional(),
};
/** Longer than this a request does not wait for a provider to forget an instance. */
const MAX_SETTLE_MS = 60_000;
const MAX_ORPHANS = 1_000;
const MAX_BYTES = 300_000;

type LedgerRoutes = Routes & { instances: Instances; provider?: OrphanOptions['provider'] };

/** `/api/v1/ledger` and `/api/v1/orphans`: what was rented, what it costs, and what of it nobody uses. */
export function ledgerRoutes(routes: LedgerRoutes): void {
  readRoutes(routes);
  compareRoutes(routes);
}

function readRoutes({ instances, ...routes }: LedgerRoutes): void {
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/ledger',
    tag: 'Money',
    summary: 'What was rented, what is still there first',
    role: 'observer',
    query: z.object({
      ...which,
      status: z.enum(LEDGER_STATUSES).optional().openapi({ description: 'open is running and stopped' }),
      limit: z.coerce.number().int().min(1).max(1_000).default(100),
      cursor: z.string().max(20).optional(),
    }),
    answers: {
      200: {
        description: 'The instances, and where the next page begins',
        schema: z.object({ instances: z.array(instanceSchema), cursor: z.string().optional() }),
      },
    },
    handle: async ({ c, query }) => {
      const { entries, cursor } = await instances.ledger.list(defined(query));
      const now = routes.queue.now();
      return c.json({ instances: entries.map((entry) => shownCost(entry, now)), ...defined({ cursor }) });
    },
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/ledger/spent',
    tag: 'Money',
    summary: 'What was spent, by account, tag and UTC day',
    role: 'observer',
    query: z.object({
      ...which,
      since: timeSchema.optional().openapi({ description: 'Defaults to the first of this month, UTC' }),
      until: timeSchema.optional().openapi({ description: 'Defaults to now' }),
    }),
    answers: { 200: { description: 'The sums', schema: spentSchema } },
    handle: async ({ c, query }) => c.json(await instances.ledger.spent(defined(query))),
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/instances/{id}/cost',
    tag: 'Money',
    summary: 'What a job has cost so far: its instance, all offers that it tried, or all jobs of a flow',
    role: 'observer',
    params: idParams,
    answers: { 200: { description: 'Its instances, and their sum', schema: costSchema } },
    handle: async ({ c, params: { id } }) => c.json(await instances.cost(id)),
  });
}

function compareRoutes({ instances, provider: given, ...routes }: LedgerRoutes): void {
  const accounts = () => {
    if (given !== undefined) return given;
    const why =
      'this server knows no account of a provider: start it with the JETFLEET_PROVIDER of the workers';
    throw new JetfleetError('JETFLEET_NO_PROVIDER', why);
  };
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/ledger/reconcile',
    tag: 'Money',
    summary:
      'Compare the ledger with the lists of the providers, and with `fix` write into it what is proven',
    role: 'operator',
    body: {
      schema: z
        .strictObject({
          fix: z.boolean().optional(),
          ownOnly: z.boolean().optional(),
          settleMs: z.number().int().min(0).max(MAX_SETTLE_MS).optional(),
        })
        .optional(),
      maxBytes: 1_024,
    },
    answers: { 200: { description: 'Whether they agree, and where not', schema: reconciliationSchema } },
    handle: async ({ c, body }) =>
      c.json(await instances.reconcile({ provider: accounts(), ...defined({ ...body }) })),
  });
  addRoute(routes, {
    method: 'get',
    path: '/api/v1/orphans',
    tag: 'Money',
    summary: 'Instances with names of Jetfleet that nobody uses, and what they cost',
    role: 'operator',
    answers: {
      200: {
        description: 'The orphans; `unreachable` are the accounts that do not answer',
        schema: z.object({
          orphans: z.array(orphanSchema),
          ratePerHour: amount,
          unreachable: z.array(z.object({ provider: z.string(), message: z.string() })),
        }),
      },
    },
    handle: async ({ c }) => c.json(await instances.orphans({ provider: accounts() })),
  });
  addRoute(routes, {
    method: 'post',
    path: '/api/v1/orphans/delete',
    tag: 'Money',
    summary: 'Delete orphans, those that are named alone, each by a job of its own',
    role: 'operator',
    body: {
      schema: z.strictObject({ ids: z.array(z.string().min(1).max(300)).min(1).max(MAX_ORPHANS) }),
      maxBytes: MAX_BYTES,
    },
    answers: {
      200: {
        description: 'The job that deletes each, or why none does',
        schema: z.object({
          deleted: z.array(
            z.object({
              novitaInstanceId: z.string(),
              jobId: z.string().optional(),
              error: z.string().optional(),
            }),
          ),
        }),
      },
    },
    handle: async ({ c, body: { ids } }) =>
      c.json({ deleted: await instances.deleteOrphans({ provider: accounts(), ids }) }),
  });
}

/** What workers say of themselves, checked: anybody who may publish on the broker can answer in their place. */

import * as z from 'zod';
import { isTime } from '../jobs/guards.js';
import { JobPriority } from '../jobs/vocabulary.js';
import type { InspectionRecord, WorkerInfo } from '../wire/inspection.js';
import type { Chart } from './chart.js';

/** A chart of more is passed over. */
const MAX_STATES = 200;
const MAX_EDGES = 600;
/** Longest text, longest name, and longest list of names, of what others say. */
const text = z.string().max(4_000);
const name = z.string().max(500);
const names = z.array(name).max(100);
const time = name.refine((value) => isTime(value));

const chartSchema: z.ZodType<Chart> = z.object({
  id: name,
  version: name,
  description: text,
  states: z
    .array(
      z.object({
        id: text,
        key: name,
        parent: text.exactOptional(),
        kind: z.enum(['atomic', 'compound', 'parallel', 'final', 'history']),
        isInitial: z.boolean(),
        description: text,
        invokes: names,
        entry: names.exactOptional(),
        exit: names.exactOptional(),
      }),
    )
    .max(MAX_STATES),
  edges: z
    .array(
      z.object({
        id: text,
        from: text,
        to: text,
        event: name,
        label: name,
        guard: name.exactOptional(),
        actions: names,
        reenter: z.literal(true).exactOptional(),
      }),
    )
    .max(MAX_EDGES),
});

const workerSchema: z.ZodType<WorkerInfo> = z.object({
  name,
  state: name,
  startedAt: time,
  host: name,
  pid: z.number(),
  version: name,
  lanes: z.array(z.object({ type: name, concurrency: z.number(), running: z.number() })).max(1_000),
  running: z
    .array(
      z.object({
        id: name,
        type: name,
        priority: z.enum(JobPriority).exactOptional(),
        attempt: z.number(),
        startedAt: time,
      }),
    )
    .max(1_000),
  runningCount: z.number(),
  abandoned: z.array(z.object({ id: name, type: name, attempt: z.number(), signalledAt: time })).max(1_000),
  abandonedCount: z.number().nonnegative(),
  stalled: z.array(name).max(10),
});

const recordSchema: z.ZodType<InspectionRecord> = z.object({
  v: z.literal(1),
  seq: z.number().int(),
  at: time,
  worker: name,
  jobId: name.exactOptional(),
  step: z.number().int().nonnegative().exactOptional(),
  actor: name,
  parent: name.exactOptional(),
  machine: name.exactOptional(),
  machineVersion: name.exactOptional(),
  kind: z.enum(['actor', 'event', 'transition', 'snapshot', 'done']),
  event: name.exactOptional(),
  sentBy: name.exactOptional(),
  edges: z
    .array(z.object({ from: text, to: text, event: name, guard: name.exactOptional() }))
    .max(1_000)
    .exactOptional(),
  active: z.array(text).max(1_000).exactOptional(),
  status: z.enum(['active', 'done', 'error', 'stopped']).exactOptional(),
  context: z.unknown().optional(),
  data: z.unknown().optional(),
});

/** The charts of an answer that can be drawn, or an empty list. */
export function readCharts(charts: unknown): Chart[] {
  if (!Array.isArray(charts)) return [];
  return charts.flatMap((chart) => {
    const { success, data } = chartSchema.safeParse(chart);
    return success && isConnected(data) ? [data] : [];
  });
}

/** A worker's answer, or undefined for anything else. */
export function readWorker(answer: unknown): WorkerInfo | undefined {
  return workerSchema.safeParse(answer).data;
}

/** A step of a state machine, or undefined for anything else, steps of later kinds included. */
export function readRecord(notice: unknown): InspectionRecord | undefined {
  return recordSchema.safeParse(notice).data;
}

/** Every parent comes before its children, and every edge joins states that there are. */
function isConnected({ states, edges }: Chart): boolean {
  const ids = new Set(['']);
  for (const { id, key, parent } of states) {
    const isInPlace = parent === undefined ? id === key : ids.has(parent) && id === `${parent}.${key}`;
    if (!isInPlace || ids.has(id)) return false;
    ids.add(id);
  }
  return edges.every(({ from, to }) => ids.has(from) && ids.has(to));
}

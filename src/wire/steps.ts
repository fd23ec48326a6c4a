/** What the state machines of a job did, as it is kept with the job: the subjects and the messages of STEPS. */

import { isSealed } from '../jobs/codec.js';
import { isCount, isTime } from '../jobs/guards.js';
import { isJobId } from '../jobs/job-id.js';
import { changesBetween, type JsonChange } from '../jobs/json-changes.js';
import { MAX_STEPS, MAX_STEPS_BYTES } from '../jobs/limits.js';
import type { TakenEdge } from './inspection.js';
import type { Sealer } from './sealer.js';
import type { Subjects } from './subjects.js';
import { type JobStep, type ToldStep, toldSteps } from './told-steps.js';

/** All that is kept of a job, on `steps.<job id>`: each write replaces the one before. */
export interface StepsMessage {
  v: 1;
  /** When the job was created: an id may be used again once its job is removed. */
  of: string;
  /** Sequence of the job's last event as its worker knew it: that of a later owner of the job is higher. */
  fence: number;
  /** How many steps there were, those included that are not kept. */
  total: number;
  steps: ToldStep[];
}

/** A step without its context is cut to so many bytes, by leaving out where it went. */
const MAX_STEP_BYTES = 4_096;
/** What came with an event is left out where it is longer. */
const MAX_DATA_BYTES = 4_096;
/** The event by which XState begins an actor. */
const BEGIN = 'xstate.init';
/** Of all bytes, what the steps themselves may take; the rest is for contexts. */
const MAX_BARE_BYTES = MAX_STEPS_BYTES / 2;

export function stepsSubject({ prefix }: Subjects, id: string): string {
  if (!isJobId(id)) throw new TypeError('an id that is none');
  return `${prefix}steps.${id}`;
}

/** Every subject. */
export function stepsFilter({ prefix }: Subjects): string {
  return `${prefix}steps.*`;
}

/** The first and the last of them, as many as are kept of a job. */
export function keptSteps<T>(steps: readonly T[], most = MAX_STEPS): readonly T[] {
  if (steps.length <= most) return steps;
  const first = Math.floor(most / 2);
  return [...steps.slice(0, first), ...steps.slice(first - most)];
}

export function encodeSteps(message: StepsMessage, sealer: Sealer): string {
  const bare = halvedUntilFitting(message.steps.map(shortened));
  const room = MAX_STEPS_BYTES - bare.reduce((sum, { bytes }) => sum + bytes, 0);
  const { tails, left } = contextsWithin(bare, room);
  const data = dataWithin(bare, left);
  const steps = bare.map(({ step: { data: _, ...step } }, place) => {
    const parts = [tails[place], data.get(place)].filter((part) => part !== undefined);
    return `${JSON.stringify(step).slice(0, -1)}${parts.map((part) => `,${part}`).join('')}}`;
  });
  const text = `[${steps.join(',')}]`;
  const sealed = sealer.seals ? sealer.sealText(text, OF_STEPS) : text;
  const { steps: _, ...head } = message;
  return `${JSON.stringify(head).slice(0, -1)},"steps":${sealed}}`;
}

/** How each step has changed the context of its actor, as a part of its JSON, as far as there is room. */
function contextsWithin(
  steps: readonly Bare[],
  room: number,
): { tails: (string | undefined)[]; left: number } {
  const told = new Map<string, unknown>();
  let left = room;
  const tails = steps.map(({ step: { actor }, context }) => {
    if (context === undefined) return undefined;
    const changes = changesBetween(told.get(actor), context);
    if (changes.length === 0) return undefined;
    const text = JSON.stringify(changes);
    const bytes = Buffer.byteLength(text);
    // A quarter of what is left, so that something is left for the last one too.
    if (bytes > left / 4) return '"contextCut":true';
    left -= bytes;
    told.set(actor, context);
    return `"changes":${text}`;
  });
  return { tails, left };
}

/** What came with the events, in the room that contexts leave: that of the last ones, which show how it ended. */
function dataWithin(steps: readonly Bare[], room: number): Map<number, string> {
  const kept = new Map<number, string>();
  let left = room;
  for (const [place, { step }] of [...steps.entries()].reverse()) {
    // What an actor begins with is in its first context.
    if (step.data === undefined || step.event === BEGIN) continue;
    const text = JSON.stringify(step.data);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_DATA_BYTES || bytes > left) continue;
    left -= bytes;
    kept.set(place, `"data":${text}`);
  }
  return kept;
}

interface Bare {
  step: Omit<JobStep, 'changes'>;
  context: unknown;
  bytes: number;
}

/** What came with an event is no part of its bytes: it is kept where there is room. */
function shortened({ context, ...step }: ToldStep): Bare {
  const { data: _, ...named } = step;
  const bytes = Buffer.byteLength(JSON.stringify(named));
  if (bytes <= MAX_STEP_BYTES) return { step, context, bytes };
  const { edges: __, active: ___, event: ____, sentBy: _____, ...short } = named;
  return { step: short, context, bytes: Buffer.byteLength(JSON.stringify(short)) };
}

/** Half of them, the first and the last, until there is room for all that are left. */
function halvedUntilFitting(steps: readonly Bare[]): readonly Bare[] {
  let kept = steps;
  while (kept.length > 2 && kept.reduce((sum, { bytes }) => sum + bytes, 0) > MAX_BARE_BYTES)
    kept = keptSteps(kept, Math.floor(kept.length / 2));
  return kept;
}

const decoder = new TextDecoder();
const OF_STEPS = { type: '', field: 'report' } as const;

/** Reads a message; undefined for one that no worker of Jetfleet has written. */
export function decodeSteps(data: Uint8Array, sealer?: Sealer): StepsMessage | undefined {
  let value: Partial<Record<keyof StepsMessage, unknown>> | null;
  try {
    value = JSON.parse(decoder.decode(data));
  } catch {
    return undefined;
  }
  const { v, of, fence, total, steps: stored } = Object(value) as NonNullable<typeof value>;
  const steps = sealer && isSealed(stored) ? sealer.openIfCan(stored, OF_STEPS) : stored;
  // What cannot be opened here has been there all the same.
  const list = isSealed(steps) ? [] : steps;
  const isWhole =
    v === 1 && typeof of === 'string' && isCount(fence) && isCount(total) && Array.isArray(list);
  if (!isWhole) return undefined;
  return { v, of, fence, total, steps: toldSteps(list.slice(0, MAX_STEPS).flatMap(readStep)) };
}

const KINDS: ReadonlySet<unknown> = new Set(['actor', 'event', 'transition', 'snapshot', 'done']);
/** Each part of a longer one would take a call within the one before. */
const MAX_PATH = 10_000;
const OPS: ReadonlySet<unknown> = new Set(['add', 'replace', 'remove']);
const TEXTS = ['machine', 'machineVersion', 'event', 'sentBy', 'status'] as const;

/** A step, or nothing for what is none; steps of later kinds are passed over. */
function readStep(value: unknown): JobStep[] {
  const step = Object(value) as Partial<JobStep>;
  const { index, attempt, at, worker, actor, kind, edges, active, changes } = step;
  const isStep =
    isCount(index) &&
    isCount(attempt) &&
    KINDS.has(kind) &&
    [worker, actor].every((each) => typeof each === 'string') &&
    isTime(at) &&
    TEXTS.every((name) => step[name] === undefined || typeof step[name] === 'string') &&
    isListOf(active, (each) => typeof each === 'string') &&
    isListOf(edges, isEdge) &&
    isListOf(changes, isChange);
  return isStep ? [step as JobStep] : [];
}

function isListOf(value: unknown, fits: (each: unknown) => boolean): boolean {
  return value === undefined || (Array.isArray(value) && value.every(fits));
}

function isEdge(value: unknown): boolean {
  const { from, to, event, guard = '' } = Object(value) as Partial<TakenEdge>;
  return [from, to, event, guard].every((each) => typeof each === 'string');
}

function isChange(value: unknown): boolean {
  const { op, path } = Object(value) as Partial<JsonChange>;
  return OPS.has(op) && typeof path === 'string' && path.length < MAX_PATH;
}

/** What a run has left behind, read from the streams, the provider's ledger and the receiver's log. */
import type { LedgerEntry } from '../../src/gpu/index.js';
import type { JobRecord } from '../../src/index.js';
import { ImpliedRuns } from '../../src/queue/implied-runs.js';
import { decodeLedger, type Ledger } from '../../src/wire/limit-message.js';
import { permitsSubject } from '../../src/wire/limit-subjects.js';
import { placeOfTicks } from '../../src/wire/schedule-subjects.js';
import { ANY, WORK_KINDS } from '../../src/wire/subjects.js';
import type { Claim } from '../../src/wire/unique-claim.js';
import type { Arena } from './arena.js';
import { historyStream } from './broker-admin.js';
import type { Service } from './crew.js';
import type { LimitedStep, LimitSet } from './limit-invariants.js';
import type { OutboxDesk } from './outbox-desk.js';
import type { RunPlan } from './plan.js';
import type { Hit } from './receiver.js';
import { type Kept, readKept } from './retention-invariants.js';
import type { Outage, ScheduleSeen } from './schedule-invariants.js';

/** A record, and where and when the broker stored it, ms since the epoch. */
export type StoredRecord = JobRecord & { storedAtMs: number; storedSeq: number };

export interface Evidence {
  plan: RunPlan;
  /** Ids of the jobs that the broker has confirmed. */
  accepted: readonly string[];
  /** Ids of the jobs whose cancellation was confirmed. */
  cancelled: readonly string[];
  /** All transitions of each job, oldest first. */
  histories: ReadonlyMap<string, readonly StoredRecord[]>;
  /** All claims on unique keys, in the order in which the broker took them. */
  claims: readonly Claim[];
  /** All that the ledgers of limits have been, in the order in which the broker took them. */
  ledgers: readonly Ledger[];
  limitedSteps: readonly LimitedStep[];
  limitsSet: readonly LimitSet[];
  ledger: readonly LedgerEntry[];
  live: readonly { id: string; name: string; status: string }[];
  /** Ids of instances that no job has rented: nothing may touch them. */
  foreign: ReadonlySet<string>;
  hits: readonly Hit[];
  /** Longest that this process, the provider in it, or a worker got no turn: the machine was too busy. */
  lagMs: number;
  /** How many messages were ever stored in the work streams, timers included. */
  messagesWritten: number;
  /** Jobs whose handlers were stopped as those of cancelled ones. */
  stopped: ReadonlySet<string>;
  /** What became of the schedules of the plan, and when the server was away. */
  schedules: readonly ScheduleSeen[];
  outages: readonly Outage[];
  /** When workers took jobs. */
  service: readonly Service[];
  /** Exceptions and rejections that a worker did not catch. */
  crashes: readonly string[];
  /** Where not all are kept: what is. */
  kept?: Kept;
  /** Of a run with an outbox. */
  outbox?: Pick<OutboxDesk, 'committed' | 'rolledBack' | 'left'>;
  /** When this was read, ms since the epoch. */
  readAtMs: number;
  /** Messages and timers that are left in the work streams, by subject. */
  leftOver: readonly string[];
}

const PAGE = 500;
/** Only a job whose id was made for it may begin before its claim. */
const GENERATED_ID = /^[0-9A-HJKMNP-TV-Z]{26}$/;

export async function collect(
  arena: Arena,
  plan: RunPlan,
  accepted: readonly string[],
  cancelled: readonly string[],
  seen: Pick<
    Evidence,
    'lagMs' | 'crashes' | 'stopped' | 'service' | 'schedules' | 'limitedSteps' | 'limitsSet'
  >,
): Promise<Evidence> {
  const { providers, receiver, foreign, outages, desk } = arena;
  const kept = plan.keeps && (await readKept(arena));
  return {
    plan,
    ...(kept && { kept }),
    ...(desk && { outbox: desk }),
    accepted,
    cancelled,
    histories: await readHistories(arena),
    claims: plan.keys ? await readClaims(arena) : [],
    ledgers: plan.limitedTo ? await readLedgers(arena) : [],
    ledger: providers.ledger,
    live: providers.live,
    foreign,
    outages,
    readAtMs: Date.now(),
    hits: [...receiver.hits],
    ...seen,
    messagesWritten: await messagesWritten(arena),
    leftOver: await subjectsLeft(arena, true),
  };
}

async function readClaims(arena: Arena): Promise<Claim[]> {
  const { read, subjects } = await arena.observer.broker();
  const stream = await historyStream(arena, 'unique');
  const claims: Claim[] = [];
  for await (const { data } of read.walk(stream, subjects.uniqueKey(ANY, 'active', ANY), 1, PAGE))
    claims.push(JSON.parse(new TextDecoder().decode(data)) as Claim);
  return claims;
}

async function readLedgers(arena: Arena): Promise<Ledger[]> {
  const { read, subjects } = await arena.observer.broker();
  const stream = await historyStream(arena, 'limits', true);
  const ledgers: Ledger[] = [];
  for await (const { data } of read.walk(stream, permitsSubject(subjects, ANY, ANY), 1, PAGE)) {
    const ledger = decodeLedger(data);
    if (ledger) ledgers.push(ledger);
  }
  return ledgers;
}

async function readHistories(arena: Arena): Promise<Map<string, StoredRecord[]>> {
  const broker = await arena.observer.broker();
  const histories = new Map<string, StoredRecord[]>();
  const runs = new ImpliedRuns();
  const stream = await historyStream(arena, 'events');
  for (let seq = 1; ; ) {
    const page = await broker.read.page(stream, broker.subjects.event(ANY, ANY, ANY), seq, PAGE);
    for (const message of page) {
      const record = broker.recordOf(message);
      if (!record) continue;
      const run = GENERATED_ID.test(record.id) ? runs.before(record) : undefined;
      const transitions = [...(run ? [run] : []), record];
      const stored = transitions.map((each) => ({
        ...each,
        storedAtMs: message.timeMs,
        storedSeq: message.seq,
      }));
      histories.set(record.id, [...(histories.get(record.id) ?? []), ...stored]);
    }
    const last = page.at(-1);
    if (!last || page.length < PAGE) return histories;
    seq = last.seq + 1;
  }
}

/**
 * What the work streams still hold, the timers, and what is on its way from them.
 * @param withTicks also what is known of the ticks of schedules, which a sweep removes
 */
export async function subjectsLeft({ observer }: Arena, withTicks = false): Promise<string[]> {
  const { read, subjects, topology } = await observer.broker();
  const timers = await topology.streamInfo('timers', `${subjects.prefix}schedules.>`);
  const stored = Object.keys(timers.state.subjects ?? {});
  const left = stored.filter((subject) => withTicks || !placeOfTicks(subjects, subject));
  for (const kind of WORK_KINDS) {
    const { state, sources } = await topology.streamInfo(kind, '>');
    const taken = (sources?.[0] as { seq?: number } | undefined)?.seq ?? 0;
    const due = await read.page(
      subjects.streamName('timers'),
      `${subjects.prefix}due.${kind}.>`,
      taken + 1,
      1,
    );
    left.push(...Object.keys(state.subjects ?? {}), ...due.map(({ subject }) => subject));
  }
  const { signals } = await observer.broker();
  if (await signals.exists()) {
    const { state } = await topology.streamInfo('signals', '>');
    left.push(...Object.keys(state.subjects ?? {}));
  }
  return left;
}

async function messagesWritten({ observer }: Arena): Promise<number> {
  const { topology } = await observer.broker();
  const infos = await Promise.all(WORK_KINDS.map((kind) => topology.streamInfo(kind)));
  return infos.reduce((sum, { state }) => sum + state.last_seq, 0);
}

/** What the harness does to the broker as its operator would. */
import { setTimeout as delay } from 'node:timers/promises';
import { DiscardPolicy, type JetStreamManager, jetstreamManager, type StoredMsg } from '@nats-io/jetstream';
import { EXTRA_KINDS, STREAM_KINDS } from '../../src/wire/subjects.js';
import type { Arena } from './arena.js';
import type { RunPlan } from './plan.js';

const PATIENCE_MS = 20_000;
const PAUSE_MS = 100;
/** Which message a copy is of: its stream, and its sequence there. */
const SOURCE = 'Nats-Stream-Source';

/**
 * Lets EVENTS refuse what is published, as when the disk is full: its limit is what it holds already. The work
 * streams cannot be limited so: a stream with schedules takes no `discard: new`, and would drop jobs instead.
 * @returns whether the limit could be set
 */
export async function diskFull(arena: Arena, forMs: number): Promise<boolean> {
  const { subjects } = await arena.observer.broker();
  const name = subjects.streamName('events');
  await administer(arena, async (jsm) => {
    const { state } = await jsm.streams.info(name);
    await jsm.streams.update(name, { max_bytes: Math.max(state.bytes, 1), discard: DiscardPolicy.New });
  });
  await delay(forMs);
  await administer(arena, (jsm) => jsm.streams.update(name, { max_bytes: -1, discard: DiscardPolicy.Old }));
  return true;
}

/** Streams of which a copy can be kept. */
const COPIED = ['events', 'unique', 'limits'] as const;
type Copied = (typeof COPIED)[number];

/** Copies what is stored on a stream, so that the history of a job, or of a key, outlives its removal. */
export async function keepHistory(arena: Arena, kind: Copied): Promise<void> {
  const { subjects, topology } = await arena.observer.broker();
  if (kind !== 'events') await topology.extra([kind], true);
  const stream = subjects.streamName(kind);
  await administer(arena, (jsm) =>
    jsm.streams.add({
      name: copyOf(stream),
      // A mirror would answer for the stream itself, with what is removed there.
      sources: [{ name: stream }],
      num_replicas: arena.replicas,
      allow_direct: true,
    }),
  );
}

/**
 * After a restart: the server waits ten seconds and more before a stream takes from another one again, and what is removed meanwhile would
 * never be copied. A source that was just added is asked at once.
 */
export async function resumeCopies(arena: Arena): Promise<void> {
  const { subjects } = await arena.observer.broker();
  for (const stream of COPIED.map((kind) => subjects.streamName(kind))) {
    await administer(arena, async (jsm) => {
      if (!(await jsm.streams.names().next()).includes(copyOf(stream))) return;
      await jsm.streams.update(copyOf(stream), { sources: [] });
      await jsm.streams.update(copyOf(stream), { sources: [{ name: stream }] });
    });
  }
}

/** The stream that holds all that was ever stored on another one, once it does. */
export async function historyStream(
  arena: Arena,
  kind: Copied,
  isCopied = arena.keepsHistory,
): Promise<string> {
  const { subjects } = await arena.observer.broker();
  const stream = subjects.streamName(kind);
  if (!isCopied) return stream;
  // A server that was killed says of a copy that it lags by nothing, until the copy has heard of its stream again.
  await administer(arena, async (jsm) => {
    const last = await lastOf(jsm, stream);
    const copied = (await lastOf(jsm, copyOf(stream)))?.header.get(SOURCE).split(' ')[1];
    if (last && last.seq > Number(copied ?? 0)) throw new Error(`the copy of ${stream} is behind`);
  });
  return copyOf(stream);
}

async function lastOf(jsm: JetStreamManager, stream: string): Promise<StoredMsg | undefined> {
  const { state } = await jsm.streams.info(stream);
  if (state.messages === 0) return undefined;
  return (await jsm.streams.getMessage(stream, { last_by_subj: '>' })) ?? undefined;
}

function copyOf(stream: string): string {
  return `${stream}_COPY`;
}

/** Removes what a run has stored. */
export async function removeStreams(arena: Arena, { keys, limitedTo }: RunPlan): Promise<void> {
  const { subjects, topology } = await arena.observer.broker();
  if (arena.keepsHistory) {
    await administer(arena, (jsm) => jsm.streams.delete(copyOf(subjects.streamName('events'))));
  }
  for (const kind of STREAM_KINDS) {
    await administer(arena, (jsm) => jsm.streams.delete(subjects.streamName(kind)));
  }
  if (keys) await administer(arena, (jsm) => jsm.streams.delete(copyOf(subjects.streamName('unique'))));
  if (limitedTo) await administer(arena, (jsm) => jsm.streams.delete(copyOf(subjects.streamName('limits'))));
  const { missing } = await topology.extra(EXTRA_KINDS, false);
  for (const name of EXTRA_KINDS.map((kind) => subjects.streamName(kind))) {
    if (!missing.includes(`stream ${name}`)) await administer(arena, (jsm) => jsm.streams.delete(name));
  }
}

/** The broker may be away for another fault of the same run. */
async function administer(
  { observer }: Arena,
  call: (jsm: JetStreamManager) => Promise<unknown>,
): Promise<void> {
  const { connection } = await observer.broker();
  for (const end = Date.now() + PATIENCE_MS; ; await delay(PAUSE_MS)) {
    try {
      await call(await jetstreamManager(connection, { checkAPI: false }));
      return;
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
}

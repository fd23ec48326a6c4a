import { setTimeout as delay } from 'node:timers/promises';
import type { Broker } from '../broker/broker.js';
import type { AcknowledgedSequences } from '../broker/consume/delivery.js';
import { isCount } from '../jobs/guards.js';
import type { Settled, WorkConsumer } from '../queue/retention/acknowledged-messages.js';
import type { AcknowledgedAnswer, AcknowledgedQuestion } from '../wire/notice-messages.js';

/** A live worker answers within milliseconds. */
const ANSWERS_MS = 1_000;
/** A worker whose processor is busy answers late, and is asked again: reading what it has acknowledged would cost more. */
const MAX_QUESTIONS = 3;
const ASK_AGAIN_AFTER_MS = 750;
/** So many sequences fit into one answer; what is not named is read. */
const MAX_NAMED = 100_000;

/**
 * Asks all workers which messages of a consumer from `firstSeq` on they have acknowledged, and to leave the removal to the asker for
 * a while. Yields after each question what they have named so far. `mayAskAgain` is asked before each but the first.
 */
export async function* askAcknowledged(
  { notices, subjects }: Broker,
  { kind, name }: Pick<WorkConsumer, 'kind' | 'name'>,
  firstSeq: number,
  mayAskAgain: () => boolean = () => true,
): AsyncIterable<Settled> {
  const seqs = new Set<number>();
  const lastTaken = new Set<number>();
  const question: AcknowledgedQuestion = { kind, consumer: name, firstSeq };
  for (let asked = 0; asked < MAX_QUESTIONS; asked++) {
    if (asked > 0) await delay(ASK_AGAIN_AFTER_MS, undefined, { ref: false });
    if (asked > 0 && !mayAskAgain()) return;
    for (const answer of await notices.ask(subjects.notices.settledAsked(), question, ANSWERS_MS)) {
      for (const seq of sequencesOf(answer.settled)) seqs.add(seq);
      if (isCount(answer.lastTaken) && answer.lastTaken > 0) lastTaken.add(answer.lastTaken);
    }
    yield { seqs, lastTaken };
  }
}

/** Whether a worker answers for a consumer, and removes what it has acknowledged. */
export async function isServed(
  { notices, subjects }: Broker,
  { kind, name }: Pick<WorkConsumer, 'kind' | 'name'>,
): Promise<boolean> {
  const question: AcknowledgedQuestion = { kind, consumer: name, firstSeq: 0 };
  return (await notices.ask(subjects.notices.settledAsked(), question, ANSWERS_MS)).length > 0;
}

/** Answers such questions, unless nothing of the consumer is worked here; returns how to stop. */
export function answerAcknowledged(
  { notices, subjects }: Broker,
  acknowledgedOf: (kind: unknown, consumer: unknown, firstSeq: number) => AcknowledgedSequences | undefined,
): () => void {
  return notices.answer(subjects.notices.settledAsked(), ({ kind, consumer, firstSeq }) => {
    const acknowledged = acknowledgedOf(kind, consumer, typeof firstSeq === 'number' ? firstSeq : 0);
    if (!acknowledged) return undefined;
    const { lastTaken } = acknowledged;
    const settled = differencesOf(acknowledged.known());
    return { settled, ...(lastTaken > 0 && { lastTaken }) } satisfies AcknowledgedAnswer;
  });
}

/** Ascending sequences, each as its difference from the one before: most are short. */
function differencesOf(seqs: ReadonlySet<number>): number[] {
  const ascending = [...seqs].sort((a, b) => a - b).slice(0, MAX_NAMED);
  return ascending.map((seq, index) => seq - (ascending[index - 1] ?? 0));
}

function* sequencesOf(differences: unknown): Iterable<number> {
  let last = 0;
  for (const difference of Array.isArray(differences) ? differences : []) {
    if (!Number.isSafeInteger(difference)) return;
    last += difference;
    yield last;
  }
}

/** What the records of jobs say of instances, where a worker could not note it when the job ended. */
import type { Broker } from '../broker/broker.js';
import { qualifiedId } from '../gpu/instance-home.js';
import type { LedgerEntry, LedgerNote } from '../money/ledger-entry.js';
import { ANY } from '../wire/subjects.js';
import { NOTED_TYPES, type NotedInstance, notesOf } from './ledger-notes.js';

const ENDED = ['completed', 'failed'] as const;
const PAGE = 500;
/** Most records of one type and status that are read. */
const MAX_READ = 200_000;

/** Of each entry, what jobs that have ended prove of its instance, as long as their records are kept. */
export async function notesOfRecords(
  broker: Broker,
  entries: readonly LedgerEntry[],
): Promise<Map<LedgerEntry, LedgerNote[]>> {
  const found = new Map(entries.map((entry): [LedgerEntry, LedgerNote[]] => [entry, []]));
  if (entries.length === 0) return found;
  // A job names an instance with the name of its provider or without.
  const byId = new Map(
    entries.flatMap((entry) => [
      [entry.id, entry] as const,
      [qualifiedId(entry.provider, entry.id), entry] as const,
    ]),
  );
  for await (const { novitaInstanceId, notes } of notesOfEnded(broker)) {
    const entry = byId.get(novitaInstanceId);
    if (entry) found.get(entry)?.push(...notes);
  }
  return found;
}

async function* notesOfEnded(broker: Broker): AsyncGenerator<NotedInstance> {
  const { subjects, read } = broker;
  const stream = subjects.streamName('events');
  for (const type of NOTED_TYPES) {
    for (const status of ENDED) {
      let left = MAX_READ;
      for await (const message of read.walk(stream, subjects.event(type, status, ANY), 1, PAGE)) {
        const record = broker.recordOf(message);
        if (record) yield* notesOf(record);
        if (--left <= 0) break;
      }
    }
  }
}

/** The form of the vectors in `vectors/`. README.md describes it for other languages. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Capability } from './protocol.js';

export type Action =
  | { start: string }
  | { publish: string; headers?: Record<string, string>; data?: unknown; text?: string }
  /** The record of another process: fenced by the last one, as every record is. */
  | { write: Record<string, unknown> & { id: string; type: string; status: string } }
  /** Core NATS, which nobody stores. */
  | { notice: string; data: unknown }
  | { await: Awaited }
  /** Where the worker leaves the job to others: waits until it has, and starts ours. */
  | { awaitLeft: string }
  | { cancel: string }
  /** Ends the connections of all workers. They connect again. */
  | { disconnect: true }
  | { kill: string }
  | { freeze: string }
  | { thaw: string }
  | { terminate: string };

export type Awaited =
  | { began: string; attempt?: number; times?: number }
  | { stopped: string; reason: string }
  | { record: string; state: string }
  | { answer: string; job: string }
  | { exit: string };

export type Expected =
  /** A record as the stream stores it, in part. */
  | { record: Record<string, unknown>; waitsMs?: [number, number] }
  /** A message on a subject of TIMERS. */
  | { publish: string; headers: Record<string, string> }
  /** What the worker says to the consumer. */
  | { answer: '+ACK' | '-NAK' | '+WPI' };

export interface Vector {
  name: string;
  /** A worker that lacks this does what `otherwise` says. */
  needs?: Capability;
  /** No worker runs before the first `start`. */
  isFresh?: true;
  steps: Action[];
  /** By job id: all that is said about the job, in this order. */
  then?: Record<string, Expected[]>;
  otherwise?: Record<string, Expected[]>;
  /** Jobs in the order in which their handlers begin. */
  order?: string[];
}

const FOLDER = new URL('vectors/', import.meta.url);

export function readVectors(): { file: string; vectors: Vector[] }[] {
  return readdirSync(FOLDER)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => ({
      file: name.replace('.json', ''),
      vectors: JSON.parse(readFileSync(new URL(name, FOLDER), 'utf8')) as Vector[],
    }));
}

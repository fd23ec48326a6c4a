import { useEffect, useState } from 'preact/hooks';
import { follow } from '../live/follow.js';

export interface LogLine {
  index: number;
  at: string;
  attempt: number;
  line: string;
}

export interface Chunk {
  index: number;
  attempt: number;
  chunk: unknown;
}

export interface Progress {
  progress: unknown;
  attempt: number;
  at: string;
}

/** What the handlers of a job have reported. */
export interface Reports {
  progress?: Progress;
  /** The last ones, oldest first. */
  lines: readonly LogLine[];
  /** Those of the newest attempt, as far as they are kept. */
  chunks: readonly Chunk[];
}

/** Kept in the page; what is older is let go. */
const MAX_LINES = 1_000;
const MAX_CHUNKS = 2_000;
const NOTHING: Reports = { lines: [], chunks: [] };

/** What a job has reported and reports, live until it has ended; no request while `hasBegun` is false. */
export function useReports(id: string, hasBegun: boolean): Reports {
  const [reports, setReports] = useState(NOTHING);
  useEffect(() => {
    if (!hasBegun) return;
    let frame = 0;
    let [lines, chunks]: [LogLine[], Chunk[]] = [[], []];
    let progress: Progress | undefined;
    const show = () => setReports({ lines, chunks, ...(progress && { progress }) });
    const later = () => {
      cancelAnimationFrame(frame);
      frame = requestAnimationFrame(show);
    };
    const stop = follow(`/jobs/${encodeURIComponent(id)}/stream`, {
      onEvent: ({ event, data }) => {
        // The server has nothing more to say, and would be asked again.
        if (event === 'end') return stop();
        const report = JSON.parse(data);
        if (event === 'progress') progress = report as Progress;
        else if (event === 'line') lines = [...lines, report as LogLine].slice(-MAX_LINES);
        else if (event === 'chunk') chunks = withChunk(chunks, report as Chunk);
        later();
      },
    });
    show();
    return () => {
      cancelAnimationFrame(frame);
      stop();
    };
  }, [id, hasBegun]);
  return reports;
}

/** Another attempt begins its result anew. */
function withChunk(chunks: Chunk[], next: Chunk): Chunk[] {
  const isSame = chunks.at(-1)?.attempt === next.attempt;
  return isSame ? [...chunks, next].slice(-MAX_CHUNKS) : [next];
}

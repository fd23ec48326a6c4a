import { useEffect, useRef, useState } from 'preact/hooks';
import type { HistoryItem, InspectionRecord, JobRecord } from '../api/answers.js';
import { getJson } from '../api/client.js';
import { follow } from '../live/follow.js';

/** Steps kept for looking at; older ones are let go. */
const MAX_STEPS = 400;
const MAX_HISTORY = 2_000;

export interface JobFeed {
  /** The job as it is now; undefined until the first answer. */
  job: JobRecord | undefined;
  history: readonly HistoryItem[];
  /** What the machines did since the page was opened, oldest first. */
  steps: readonly InspectionRecord[];
  error: unknown;
  reload(): void;
}

interface State extends Omit<JobFeed, 'reload'> {}

/** A job, its history and what its machines do, live. What arrives within one frame is shown at once. */
export function useJobFeed(id: string): JobFeed {
  const [state, setState] = useState<State>({ job: undefined, history: [], steps: [], error: undefined });
  const [round, setRound] = useState(0);
  const frame = useRef(0);

  useEffect(() => {
    const records: HistoryItem[] = [];
    const steps: InspectionRecord[] = [];
    const path = encodeURIComponent(id);
    const abort = new AbortController();
    const flush = () => {
      const [newRecords, newSteps] = [records.splice(0), steps.splice(0)];
      setState((before) => merged(before, newRecords, newSteps));
    };
    const later = () => {
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(flush);
    };
    const read = async () => {
      try {
        const [job, { records: history }] = await Promise.all([
          getJson<JobRecord>(`/jobs/${path}`, abort.signal),
          getJson<{ records: HistoryItem[] }>(`/jobs/${path}/history`, abort.signal),
        ]);
        setState((before) => merged({ ...before, job, error: undefined }, history, []));
      } catch (error) {
        if (!abort.signal.aborted) setState((before) => ({ ...before, error }));
      }
    };
    // The stream first, so that nothing falls between it and the answer.
    const stopEvents = follow(`/events?id=${path}`, {
      onEvent: ({ id: seq, data }) => {
        records.push({ seq: Number(seq), record: JSON.parse(data) as JobRecord });
        later();
      },
      onConnection: (connection) => {
        if (connection === 'open') void read();
      },
    });
    const stopSteps = follow(`/inspect?job=${path}`, {
      onEvent: ({ data }) => {
        steps.push(JSON.parse(data) as InspectionRecord);
        later();
      },
    });
    void read();
    return () => {
      abort.abort();
      cancelAnimationFrame(frame.current);
      stopEvents();
      stopSteps();
    };
  }, [id, round]);

  return { ...state, reload: () => setRound(round + 1) };
}

function merged(before: State, records: readonly HistoryItem[], steps: readonly InspectionRecord[]): State {
  const known = new Map(before.history.map((item) => [item.seq, item]));
  for (const item of records) known.set(item.seq, item);
  const history = [...known.values()].sort((a, b) => a.seq - b.seq).slice(-MAX_HISTORY);
  const newest = history.at(-1)?.record;
  const { job } = before;
  const isNewer = newest !== undefined && (job === undefined || newest.updatedAt >= job.updatedAt);
  return {
    ...before,
    job: isNewer ? newest : job,
    history,
    steps: steps.length === 0 ? before.steps : [...before.steps, ...steps].slice(-MAX_STEPS),
  };
}

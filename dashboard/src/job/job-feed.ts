import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { HistoryItem, InspectionRecord, JobRecord } from '../api/answers.js';
import { getJson } from '../api/client.js';
import { follow } from '../live/follow.js';
import { joinedSteps, type KeptSteps, NO_STEPS, newSteps, type ToldStep } from './steps.js';

/** Steps heard live that are kept for looking at; older ones are let go. */
const MAX_LIVE = 600;
const MAX_HISTORY = 2_000;
/** The steps of a cancelled job are stored a moment after its record. */
const LATE_MS = 1_000;

export interface JobFeed {
  /** The job as it is now; undefined until the first answer. */
  job: JobRecord | undefined;
  history: readonly HistoryItem[];
  /** What the machines did, oldest first: what is kept of it, and what came since the page was opened. */
  steps: readonly ToldStep[];
  /** How many steps are not kept. */
  dropped: number;
  error: unknown;
  reload(): void;
}

interface State {
  job: JobRecord | undefined;
  history: readonly HistoryItem[];
  kept: KeptSteps;
  live: readonly InspectionRecord[];
  error: unknown;
}

const EMPTY: State = { job: undefined, history: [], kept: NO_STEPS, live: [], error: undefined };

/** A job, its history and what its machines do, live. What arrives within one frame is shown at once. */
export function useJobFeed(id: string): JobFeed {
  const [state, setState] = useState<State>(EMPTY);
  const [round, setRound] = useState(0);
  const frame = useRef(0);

  useEffect(() => {
    const records: HistoryItem[] = [];
    const live: InspectionRecord[] = [];
    const path = encodeURIComponent(id);
    const abort = new AbortController();
    let late: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      const [newRecords, newSteps] = [records.splice(0), live.splice(0)];
      setState((before) => merged(before, newRecords, newSteps));
    };
    const later = () => {
      cancelAnimationFrame(frame.current);
      frame.current = requestAnimationFrame(flush);
    };
    const readSteps = async () => {
      try {
        const kept = await getJson<KeptSteps>(`/jobs/${path}/steps`, abort.signal);
        setState((before) => ({ ...before, kept }));
      } catch {
        // The page goes on with what it has heard.
      }
    };
    const read = async () => {
      try {
        const [job, { records: history }] = await Promise.all([
          getJson<JobRecord>(`/jobs/${path}`, abort.signal),
          getJson<{ records: HistoryItem[] }>(`/jobs/${path}/history`, abort.signal),
          readSteps(),
        ]);
        setState((before) => merged({ ...before, job, error: undefined }, history, []));
      } catch (error) {
        if (!abort.signal.aborted) setState((before) => ({ ...before, error }));
      }
    };
    /** A run has ended, and its steps are kept; when its records were stored is read with them. */
    const onRunEnd = () => {
      void readSteps();
      clearTimeout(late);
      late = setTimeout(() => void read(), LATE_MS);
    };
    // The stream first, so that nothing falls between it and the answer.
    const stopEvents = follow(`/events?id=${path}`, {
      onEvent: ({ id: seq, data }) => {
        const record = JSON.parse(data) as JobRecord;
        records.push({ seq: Number(seq), record });
        later();
        if (record.state !== 'running') onRunEnd();
      },
      onConnection: (connection) => {
        if (connection === 'open') void read();
      },
    });
    const stopSteps = follow(`/inspect?job=${path}`, {
      onEvent: ({ data }) => {
        live.push(JSON.parse(data) as InspectionRecord);
        later();
      },
    });
    void read();
    return () => {
      abort.abort();
      clearTimeout(late);
      cancelAnimationFrame(frame.current);
      stopEvents();
      stopSteps();
    };
  }, [id, round]);

  const { job, history, kept, live, error } = state;
  const steps = useMemo(() => joinedSteps(kept, live, job?.attempt ?? 1), [kept, live, job?.attempt]);
  return { job, history, steps, dropped: kept.dropped, error, reload: () => setRound(round + 1) };
}

function merged(before: State, records: readonly HistoryItem[], live: readonly InspectionRecord[]): State {
  const known = new Map(before.history.map((item) => [item.seq, item]));
  // What is heard live does not say when it was stored.
  for (const item of records) known.set(item.seq, { ...known.get(item.seq), ...item });
  const history = [...known.values()].sort((a, b) => a.seq - b.seq).slice(-MAX_HISTORY);
  const newest = history.at(-1)?.record;
  const { job } = before;
  const isNewer = newest !== undefined && (job === undefined || newest.updatedAt >= job.updatedAt);
  return {
    ...before,
    job: isNewer ? newest : job,
    history,
    live: live.length === 0 ? before.live : [...before.live, ...newSteps(before.live, live)].slice(-MAX_LIVE),
  };
}

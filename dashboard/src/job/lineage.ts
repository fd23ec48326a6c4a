import { useEffect, useMemo, useState } from 'preact/hooks';
import type { JobRecord, Related } from '../api/answers.js';
import { getJson } from '../api/client.js';
import type { Descendant } from './descendants.js';

export interface Lineage {
  /** The one that came first is the first. */
  ancestors: JobRecord[];
  descendants: Descendant[];
  /** The jobs of a flow, or that the job waits for, with what came of each. */
  members: Descendant[];
}

/** Jobs around the job of the page whose own neighbours are asked for: the jobs that followed have webhooks of their own. */
const MAX_ASKED = 12;
const MAX_ANCESTORS = 3;

/** Where a job comes from, and what came of it, further than its own neighbours. */
export function useLineage(related: Related | undefined, members: readonly JobRecord[]): Lineage {
  const [asked, setAsked] = useState<ReadonlyMap<string, Related>>(new Map());
  const around = useMemo(() => askedFor(lineageOf(related, members, asked)), [related, members, asked]);
  useEffect(() => {
    const missing = around.filter(({ key }) => !asked.has(key));
    if (missing.length === 0) return;
    const abort = new AbortController();
    const read = async ({ id, key }: Around): Promise<[string, Related]> => {
      const nothing: Related = { followUps: [], webhooks: [] };
      const path = `/jobs/${encodeURIComponent(id)}/related`;
      return [key, await getJson<Related>(path, abort.signal).catch(() => nothing)];
    };
    void Promise.all(missing.map(read)).then((answers) => {
      if (!abort.signal.aborted) setAsked((before) => new Map([...before, ...answers]));
    });
    return () => abort.abort();
  }, [around, asked]);
  return useMemo(() => lineageOf(related, members, asked), [related, members, asked]);
}

interface Around {
  id: string;
  /** Another one once the job has gone on: what followed from it may be more. */
  key: string;
}

function keyOf({ id, state }: JobRecord): string {
  return `${id} ${state}`;
}

function askedFor({ ancestors, descendants, members }: Lineage): Around[] {
  // The record of a job says whether something has followed.
  const leading = jobsOf(members).filter(({ next = [] }) => next.length > 0);
  const jobs = [...ancestors.slice(1 - MAX_ANCESTORS), ...jobsOf(descendants), ...leading];
  return jobs.slice(0, MAX_ASKED).map((job) => ({ id: job.id, key: keyOf(job) }));
}

function jobsOf(descendants: readonly Descendant[]): JobRecord[] {
  return descendants.flatMap(({ job, isWebhook, children }) => (isWebhook ? [] : [job, ...jobsOf(children)]));
}

function lineageOf(
  related: Related | undefined,
  members: readonly JobRecord[],
  asked: ReadonlyMap<string, Related>,
): Lineage {
  const ancestors: JobRecord[] = [];
  for (let parent = related?.parent; parent && ancestors.length < MAX_ANCESTORS; ) {
    // Ids can be used again.
    if (ancestors.some(({ id }) => id === parent?.id)) break;
    ancestors.unshift(parent);
    parent = asked.get(keyOf(parent))?.parent;
  }
  const seen = new Set<string>();
  const below = (around: Related | undefined): Descendant[] => {
    const { followUps = [], webhooks = [] } = around ?? {};
    const fresh = [...followUps, ...webhooks].filter(({ id }) => !seen.has(id));
    for (const { id } of fresh) seen.add(id);
    return fresh.map((job) => {
      const isWebhook = webhooks.includes(job);
      return { job, isWebhook, children: isWebhook ? [] : below(asked.get(keyOf(job))) };
    });
  };
  const descendants = below(related);
  return {
    ancestors,
    descendants,
    members: members.map((job) => ({ job, isWebhook: false, children: below(asked.get(keyOf(job))) })),
  };
}

import { useEffect, useMemo, useState } from 'preact/hooks';
import { type FamilyJob, type JobFamily, mayHaveFamily } from '../../../src/jobs/family.js';
import { isTerminal } from '../../../src/jobs/vocabulary.js';
import type { JobRecord } from '../api/answers.js';
import { useResource } from '../api/use-resource.js';
import { descendantsIn } from './family.js';

/** The jobs around a job, read again as long as one of them goes on. No request for a job that is alone. */
export function useFamily(job: JobRecord): JobFamily | undefined {
  const path = mayHaveFamily(job) ? `/jobs/${encodeURIComponent(job.id)}/family` : undefined;
  const [isOver, setOver] = useState(false);
  const { data } = useResource<JobFamily>(path, { isLive: !isOver });
  const areOver = isTerminal(job.status) && data?.jobs.every(({ status }) => isTerminal(status)) === true;
  useEffect(() => setOver(areOver), [areOver]);
  return data;
}

/** What came of a job, in the order of a tree: each before what came of it. */
export function useDescendants(family: JobFamily | undefined, id: string): readonly FamilyJob[] {
  return useMemo(() => (family ? descendantsIn(family, id) : []), [family, id]);
}

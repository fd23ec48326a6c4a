import type { JobRecord } from '../api/answers.js';
import { getJson } from '../api/client.js';
import { navigate } from '../router.js';

export function pathOfJob(id: string): string {
  return `/jobs/${encodeURIComponent(id)}`;
}

/** Opens the job that has exactly this id. @returns false where there is none */
export async function openExactJob(id: string): Promise<boolean> {
  if (id === '') return false;
  try {
    await getJson<JobRecord>(pathOfJob(id));
  } catch {
    // A list of those that begin like this says more than why it could not be read.
    return false;
  }
  navigate(pathOfJob(id));
  return true;
}

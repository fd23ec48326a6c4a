import { createStore, useStore } from '../store.js';
import type { Role, Session } from './answers.js';
import { getJson, signInWanted } from './client.js';

/** Who we are to the server; undefined until it has said so. */
export const session = createStore<Session | undefined>(undefined);

const RANK: Record<Role, number> = { observer: 0, operator: 1, admin: 2 };

/** @throws ApiError when the server refuses or cannot be reached */
export async function loadSession(): Promise<void> {
  session.set(await getJson<Session>('/session'));
  signInWanted.set(false);
}

/** Whether our role may do what `role` may. The server decides anyway; this only hides what it would refuse. */
export function useMay(role: Role): boolean {
  const own = useStore(session)?.role;
  return own !== undefined && RANK[own] >= RANK[role];
}

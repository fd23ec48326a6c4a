/** How long tests wait for what must come, unless they say longer: a busy machine is late. Also for what runs without vitest. */
export const PATIENCE_MS = 45_000;

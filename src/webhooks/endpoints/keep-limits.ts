/** Most that an endpoint keeps of webhooks while it is disabled. */
export const MAX_KEEP_AGE_MS = 90 * 24 * 3_600_000;
export const MAX_KEEP_COUNT = 100_000;

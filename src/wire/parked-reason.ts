/**
 * Why a webhook is held back: its endpoint is `disabled` or `resting`, it is not its `turn`, or it is in `line` for the limit of its
 * endpoint, which rests or has as many as it may have at once.
 */
export const PARKED_REASONS = ['disabled', 'resting', 'turn', 'line'] as const;
export type ParkedReason = (typeof PARKED_REASONS)[number];

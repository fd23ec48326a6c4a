/** The names of signals, schedules and jobs of a flow: each may be a token of a subject, and a part of an id. */
export const SHORT_NAME = '1 to 64 of A-Z a-z 0-9 _ -';
export const SHORT_NAME_PATTERN = /^[A-Za-z0-9_-]{1,64}$/;

export function isShortName(value: unknown): value is string {
  return typeof value === 'string' && SHORT_NAME_PATTERN.test(value);
}

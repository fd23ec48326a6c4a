/** An ISO 8601 time so many milliseconds after another one. */
export function laterBy(time: string, ms: number): string {
  return new Date(Date.parse(time) + ms).toISOString();
}

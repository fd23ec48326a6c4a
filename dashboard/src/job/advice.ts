/** What docs/errors.md says to do about an error: read with the first error that is shown, not with the page. */
export async function adviceFor(code: string): Promise<string | undefined> {
  const { advice } = await import('virtual:advice');
  return Object.hasOwn(advice, code) ? advice[code] : undefined;
}

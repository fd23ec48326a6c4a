import { readFile, writeFile } from 'node:fs/promises';

/**
 * Writes a page that is made from something else. With `--check` it writes nothing, and sets exit code 1 when the page is stale.
 * @param remake the command that makes it again
 */
export async function keepPage(
  page: string,
  wanted: string,
  args: readonly string[],
  remake: string,
): Promise<void> {
  if (!args.includes('--check')) {
    await writeFile(page, wanted);
    return;
  }
  const present = await readFile(page, 'utf8').catch(() => '');
  if (present === wanted) return;
  console.error(`${page} is stale: run \`${remake}\` and commit the result`);
  process.exitCode = 1;
}

/** `jetfleet doctor --bundle`: one file for whoever helps from afar. */
import { writeFile } from 'node:fs/promises';
import { createTarGzip } from 'nanotar';
import { supportFiles } from '../doctor/support-files.js';
import { listWorkers } from '../inspect/index.js';
import type { JobQueueService } from '../jetfleet.js';
import type { Finding } from '../upkeep/finding.js';
import { type ConfirmFlags, confirm, counted } from './confirm.js';
import { usageError } from './exit-code.js';
import { note, print, printJson, table } from './output.js';
import { type GivenFlags, shownSettings } from './settings.js';

interface BundleFlags extends ConfirmFlags {
  json?: boolean;
  /** Where it goes; `true` for a name with the time. */
  bundle: string | true;
}

/**
 * Lists what is in it, asks on a terminal, and writes it. Nothing is sent.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` when the file exists or cannot be written
 */
export async function writeSupportBundle(
  queue: JobQueueService,
  findings: () => Promise<readonly Finding[]>,
  given: GivenFlags,
  options: BundleFlags,
): Promise<void> {
  const settings = () => shownSettings(given, process.env);
  const files = await supportFiles(queue, { findings, settings, workers: () => listWorkers(queue) });
  const time = new Date().toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const path = options.bundle === true ? `jetfleet-support-${time}.tar.gz` : options.bundle;
  const listed = files.map(({ name, about, text }) => ({ name, bytes: Buffer.byteLength(text), about }));
  if (!options.json) {
    const rows = listed.map(({ name, bytes, about }) => [name, bytes, about]);
    note(table([['FILE', 'BYTES', 'WHAT IS IN IT'], ...rows]));
  }
  const question = async () => `Write ${counted(files.length, 'file')} into ${path}?`;
  await confirm(options, question, { unasked: 'do it' });
  await write(path, await createTarGzip(files.map(({ name, text }) => ({ name, data: text }))));
  if (options.json) printJson({ bundle: path, files: listed });
  else print(path);
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    // For its owner alone, and never over another file.
    await writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const why = code === 'EEXIST' ? 'it exists already; name another file' : (code ?? message);
    throw usageError(`--bundle ${path} cannot be written: ${why}`);
  }
}

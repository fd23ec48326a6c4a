import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { WorkerExtension } from '../worker/extension.js';
import type { WorkerHooks } from '../worker/hooks/worker-hooks.js';
import type { Handled } from '../worker/job-handler.js';
import { usageError } from './exit-code.js';

type Brought = Handled | WorkerExtension | WorkerHooks;

/**
 * What modules of the user bring to a worker: the default export of each is one of `handled(job, run)`, an extension or hooks, or a list of these.
 * @throws ValidationError `JETFLEET_OPTION_INVALID` that names the file
 */
export async function loadHandlers(files: readonly string[]): Promise<(WorkerExtension | WorkerHooks)[]> {
  const loaded: (WorkerExtension | WorkerHooks)[] = [];
  for (const file of files) {
    const brought = await defaultExportOf(file);
    const handlers = brought.filter(isHandled);
    if (handlers.length > 0) loaded.push({ name: `handlers of ${file}`, install: () => ({ handlers }) });
    loaded.push(...brought.filter((each): each is WorkerExtension | WorkerHooks => !isHandled(each)));
  }
  return loaded;
}

async function defaultExportOf(file: string): Promise<Brought[]> {
  let module: { default?: Brought | Brought[] };
  try {
    module = await import(pathToFileURL(resolve(file)).href);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const advice =
      code === 'ERR_UNKNOWN_FILE_EXTENSION'
        ? 'compile it to JavaScript, or set NODE_OPTIONS="--import tsx"'
        : message;
    throw usageError(`--handlers ${file} cannot be loaded: ${advice}`);
  }
  const brought = [module.default ?? []].flat();
  if (brought.length > 0) return brought;
  throw usageError(
    `--handlers ${file} must export by default what handled(job, run) makes, an extension or hooks, or a list of these`,
  );
}

function isHandled(value: Brought): value is Handled {
  const { job, options } = Object(value) as Partial<Handled>;
  return typeof job?.type === 'string' && typeof options === 'object';
}

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startConfigured } from '../support/configured-nats.js';
import { Operator } from '../support/operator.js';

/** A JWT ends with a whole second, so this one is good for one second and a half at least. */
const VALID_MS = 2_500;
const RENEWED_EVERY_MS = 600;
const LONG_MS = 60 * 60 * 1000;

/** A server that lets nobody stay for longer than two seconds, and the file with which its clients come back. */
export interface ShortCreds extends AsyncDisposable {
  port: number;
  credsFile: string;
  /** For whoever only watches: it stays. */
  longCredsFile: string;
}

export async function startShortCreds(): Promise<ShortCreds> {
  const operator = new Operator();
  const nats = await startConfigured(operator.settings());
  const credsFile = join(nats.folder, 'short.creds');
  const renew = async () => {
    // As those do who renew credentials on disk: nobody reads half a file.
    await writeFile(`${credsFile}.next`, operator.creds(VALID_MS));
    await rename(`${credsFile}.next`, credsFile);
  };
  await renew();
  const longCredsFile = join(nats.folder, 'long.creds');
  await writeFile(longCredsFile, operator.creds(LONG_MS));
  const stop = new AbortController();
  const renewing = (async () => {
    while (!stop.signal.aborted) {
      await delay(RENEWED_EVERY_MS, undefined, { signal: stop.signal }).catch(() => {});
      await renew();
    }
  })();
  return {
    port: nats.port,
    credsFile,
    longCredsFile,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await renewing;
      await nats[Symbol.asyncDispose]();
    },
  };
}

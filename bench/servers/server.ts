import type { ServerAddress } from '../unit.js';

/** A server for one unit, with an empty store of its own. */
export interface BenchServer extends AsyncDisposable, ServerAddress {
  version: string;
}

/** A program that the benchmark needs is not installed. The message says what to install, or to leave out. */
export class MissingServer extends Error {
  constructor(program: string, debianPackage: string) {
    super(
      `${program} is not installed. On Debian: apt-get install ${debianPackage}. Or leave out what needs it, ` +
        `for example: npm run bench -- --only jetfleet`,
    );
  }
}

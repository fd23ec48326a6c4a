/** The keys of encrypted jobs, as a file: `<id> <32 bytes in base64>` a line. */
import { readFileSync } from 'node:fs';
import type { Codec } from '../jobs/codec.js';
import { compression } from '../wire/codecs/compression.js';
import { encryption } from '../wire/codecs/encryption.js';
import { usageError } from './exit-code.js';

/**
 * What compresses, and encrypts with the first key of a file.
 * @throws ValidationError `JETFLEET_OPTION_INVALID`, which never holds a key
 */
export function codecOfFile(path: string): Codec[] {
  const lines = textOf(path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
  const keys = lines.map((line, place): [string, string] => {
    const [id = '', key, ...rest] = line.split(/\s+/);
    if (key === undefined || rest.length > 0)
      throw usageError(`line ${place + 1} of the keys in ${path} must be "<id> <base64>"`);
    return [id, key];
  });
  const [current] = keys;
  if (!current) throw usageError(`${path} has no keys`);
  return [compression(), encryption({ keys: Object.fromEntries(keys), current: current[0] })];
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`the keys cannot be read: ${(error as Error).message}`);
  }
}

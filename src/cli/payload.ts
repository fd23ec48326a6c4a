/** JSON that a command is given: as text, in a file or on stdin. */
import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { ValidationError } from '../jobs/errors.js';
import { decodeUtf8, parseExactJson } from '../jobs/exact-json.js';
import { maskFault } from '../jobs/mask.js';
import { usageError } from './exit-code.js';

/** The flags of a command that is given JSON. */
export interface DataFlags {
  data?: string;
  dataFile?: string;
}

/**
 * @param what names it in errors
 * @param source an argument that stands for stdin, as `--data -` does
 * @throws ValidationError unless it is given once, can be read, and is JSON that arrives as it was sent
 */
export async function readJson(flags: DataFlags, what = 'payload', source?: '-'): Promise<unknown> {
  return parseJson(await read(flags, what, source), what);
}

/** @throws ValidationError `JETFLEET_BODY_NOT_JSON`, `JETFLEET_BODY_NOT_UTF8`, `JETFLEET_BODY_INEXACT`, or for a masked secret */
export function parseJson(json: string | Uint8Array, what: string): unknown {
  const value = parse(json, what);
  const fault = maskFault(value);
  if (fault !== undefined) throw usageError(`the ${what} ${fault}`);
  return value;
}

function parse(json: string | Uint8Array, what: string): unknown {
  try {
    return parseExactJson(typeof json === 'string' ? json : decodeUtf8(json));
  } catch (error) {
    if (error instanceof ValidationError) throw error;
    throw usageError(`the ${what} is not valid JSON: ${(error as Error).message}`, 'JETFLEET_BODY_NOT_JSON');
  }
}

async function read({ data, dataFile }: DataFlags, what: string, source?: '-'): Promise<Uint8Array> {
  const given = [source, data, dataFile].filter((each) => each !== undefined);
  if (given.length === 0)
    throw usageError(`the ${what} is missing: give --data '<json>', or --data-file <file>; "-" reads stdin`);
  if (given.length > 1) throw usageError(`the ${what} can come from one of -, --data and --data-file only`);
  if (given[0] === '-') return buffer(process.stdin);
  if (dataFile === undefined) return Buffer.from(data ?? '');
  return readFile(dataFile).catch((error: Error) => {
    throw usageError(`the ${what} cannot be read: ${error.message}`);
  });
}

import { ConflictError } from './errors.js';

/** What a write gives, or undefined where somebody else was faster, so that nothing is left to do. */
export async function unlessFaster<T>(write: Promise<T>): Promise<T | undefined> {
  try {
    return await write;
  } catch (error) {
    if (error instanceof ConflictError) return undefined;
    throw error;
  }
}

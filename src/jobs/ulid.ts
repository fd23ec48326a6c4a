import { randomFillSync } from 'node:crypto';
import { monotonicFactory, ulid } from 'ulid';

/** Random bytes are asked of the system so many at a time: it takes about as long for one, and an id needs 16. */
const POOL_BYTES = 1_024;
const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** From 0 to 1, 1 excluded, in 256 steps: `ulid` takes 32 of them for a character. */
function random(): number {
  if (used === POOL_BYTES) {
    randomFillSync(pool);
    used = 0;
  }
  return (pool[used++] as number) / 256;
}

/** A ULID: unique across processes. */
export const newUlid = (): string => ulid(undefined, random);

/** A ULID that sorts after those that this process has made before. */
export const nextUlid: () => string = monotonicFactory(random);

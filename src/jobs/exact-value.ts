/** What JSON would change in a value that a caller passes in process. */
import { MAX_PAYLOAD_BYTES, MAX_PAYLOAD_DEPTH } from './limits.js';

/** Where a value would change and how, or that it is nested too deep or too large to be walked. */
type ValueFault = { path: PropertyKey[]; message: string } | 'too deep' | 'too large';

/** The first place where JSON would drop, round or rewrite something. Properties that are `undefined` are left out, as JSON does. */
export function inexactIn(value: unknown, maxNodes = MAX_PAYLOAD_BYTES): ValueFault | undefined {
  const walk: Walk = { path: [], nodes: 0, maxNodes };
  const fault = faultOf(value, walk);
  if (fault === undefined || fault === TOO_DEEP || fault === TOO_LARGE) return fault;
  return { path: walk.path, message: fault };
}

interface Walk {
  /** Where the walk stands; left as it is at the first fault. */
  path: PropertyKey[];
  /** Each node is at least a byte of JSON. */
  nodes: number;
  maxNodes: number;
}

const TOO_DEEP = 'too deep';
const TOO_LARGE = 'too large';
const PLAIN = 'is no plain object; send plain objects, arrays, strings, numbers, booleans and null';

function faultOf(value: unknown, walk: Walk): string | undefined {
  if (++walk.nodes > walk.maxNodes) return TOO_LARGE;
  switch (typeof value) {
    case 'string':
      return value.isWellFormed() ? undefined : LONE_SURROGATE;
    case 'number':
      return numberFault(value);
    case 'boolean':
      return undefined;
    case 'object':
      if (value === null) return undefined;
      if (walk.path.length >= MAX_PAYLOAD_DEPTH) return TOO_DEEP;
      return Array.isArray(value) ? listFault(value, walk) : objectFault(value, walk);
    default:
      return `is ${typeof value}, which JSON cannot carry`;
  }
}

export const LONE_SURROGATE = 'has a lone surrogate, which UTF-8 cannot carry';

function numberFault(value: number): string | undefined {
  if (!Number.isFinite(value)) return `is ${value}, which JSON cannot carry`;
  if (value === 0) return Object.is(value, -0) ? 'is -0, which JSON cannot carry; send 0' : undefined;
  // Written with all its digits, of which the last are lost already.
  if (Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21) {
    return `is ${value}, an integer beyond 2^53 whose digits are rounded; send it as a string`;
  }
  return undefined;
}

function listFault(list: readonly unknown[], walk: Walk): string | undefined {
  const { path } = walk;
  path.push(0);
  for (let index = 0; index < list.length; index++) {
    path[path.length - 1] = index;
    const fault = faultOf(list[index], walk);
    if (fault !== undefined) return fault;
  }
  path.pop();
  return undefined;
}

function objectFault(object: object, walk: Walk): string | undefined {
  if (!isPlain(object)) return PLAIN;
  const { path } = walk;
  path.push('');
  for (const key in object) {
    path[path.length - 1] = key;
    const keyProblem = keyFault(key);
    if (keyProblem !== undefined) return keyProblem;
    const value = (object as Record<string, unknown>)[key];
    const fault = value === undefined ? undefined : faultOf(value, walk);
    if (fault !== undefined) return fault;
  }
  path.pop();
  return undefined;
}

/** What no key may be, here and in JSON text. */
export function keyFault(key: string): string | undefined {
  if (key === '__proto__') return 'is a key that JavaScript programs lose; give it another name';
  return key.isWellFormed() ? undefined : LONE_SURROGATE;
}

/** Of any realm, or without a prototype. A class instance, a Date or a Map would arrive as something else. */
function isPlain(object: object): boolean {
  const prototype = Object.getPrototypeOf(object);
  return prototype === Object.prototype || prototype === null || Object.getPrototypeOf(prototype) === null;
}

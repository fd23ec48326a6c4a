/** How long the records of ended jobs are kept, by how they ended. */
import { defined } from './defined.js';
import { checkInteger } from './numbers.js';
import { assertOptions, type OptionNames } from './options.js';

/** What is kept of the jobs of a type that ended in one way; what either bound lets go, goes. Without both, all are kept. */
export interface EndRetention {
  /** A job goes so long after its end, in milliseconds. Defaults to as long as EVENTS keeps records, 7 days. */
  maxAgeMs?: number;
  /** How many stay of a type, those that ended last. Defaults to all. */
  maxCount?: number;
}

/** See {@link EndRetention}. */
export interface Retention {
  completed?: EndRetention;
  /** Also of dead letters, and of jobs that were cancelled. */
  failed?: EndRetention;
}

const RETENTION: OptionNames<Required<Retention>> = { completed: true, failed: true };
const END_RETENTION: OptionNames<Required<EndRetention>> = { maxAgeMs: true, maxCount: true };

/** A copy, which nobody changes. @throws ValidationError `JETFLEET_OPTION_INVALID` */
export function checkedRetention(name: string, value: Retention | undefined): Retention | undefined {
  if (value === undefined) return undefined;
  assertOptions(name, value, RETENTION);
  const { completed, failed } = value;
  return defined({
    completed: checkedEnd(`${name}.completed`, completed),
    failed: checkedEnd(`${name}.failed`, failed),
  });
}

function checkedEnd(name: string, value: EndRetention | undefined): EndRetention | undefined {
  if (value === undefined) return undefined;
  assertOptions(name, value, END_RETENTION);
  const { maxAgeMs, maxCount } = value;
  checkInteger(`${name}.maxAgeMs`, maxAgeMs, 0);
  checkInteger(`${name}.maxCount`, maxCount, 0);
  return defined({ maxAgeMs, maxCount });
}

/** As it stands where others look it up; undefined for none. */
export function encodeRetention(retention: Retention | undefined): string | undefined {
  const text = JSON.stringify(retention ?? {});
  return text === '{}' ? undefined : text;
}

/** Undefined for none, and for what cannot be read: nothing is removed on its word. */
export function decodeRetention(text: string | undefined): Retention | undefined {
  if (!text) return undefined;
  try {
    return checkedRetention('retention', JSON.parse(text) as Retention);
  } catch {
    return undefined;
  }
}

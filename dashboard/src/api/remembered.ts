/** The last answers of the API, so that a page that was left, or that cannot be read again, still has what it showed. */
import { forgetOldest } from '../../../src/jobs/forget-oldest.js';
import { serverNow } from '../ui/clock.js';

export interface Remembered<T> {
  data: T;
  /** When the server gave it, milliseconds since 1970. */
  at: number;
}

const MOST = 40;
const answers = new Map<string, Remembered<unknown>>();

export function remember<T>(path: string, data: T): Remembered<T> {
  const answer = { data, at: serverNow() };
  answers.delete(path);
  answers.set(path, answer);
  forgetOldest(answers, MOST);
  return answer;
}

export function recall<T>(path: string): Remembered<T> | undefined {
  return answers.get(path) as Remembered<T> | undefined;
}

/** Another token may not see what this one saw. */
export function forgetAnswers(): void {
  answers.clear();
}

import type { DeadLetterCauses } from './dead-letter-causes.js';
import { maskText } from './mask-text.js';

/** The causes of dead letters as they are shown to people: whole, but for secrets. */
export function shownCauses<Found extends DeadLetterCauses>(found: Found): Found {
  const causes = found.causes.map((cause) => ({
    ...cause,
    message: maskText(cause.message),
    sample: { ...cause.sample, message: maskText(cause.sample.message) },
  }));
  return { ...found, causes };
}
